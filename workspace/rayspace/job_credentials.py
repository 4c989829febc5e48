"""Hand a job of this machine what it needs to reach the tracking server, past Ray's interfaces."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from rayspace.gateways.private_files import write_private

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

#: Variables by which MLflow's clients and artifact stores prove who they are.
_CREDENTIAL_PREFIXES = ("MLFLOW_TRACKING_", "AWS_", "AZURE_", "GOOGLE_", "MLFLOW_S3_")
_NOT_CREDENTIALS = {"MLFLOW_TRACKING_URI"}


def job_credentials(
    environ: Mapping[str, str], tracking_uri: str, state_dir: Path, job: str
) -> str:
    """Write what a tracking server asks for to a file that only this user can read.

    The Jobs API shows a job's environment to everybody who can reach it, so nothing of it may go
    that way. The runner deletes the file.

    Parameters
    ----------
    environ
        The environment of this person.
    tracking_uri
        The tracking server.
    state_dir
        Where the file is kept.
    job
        Name of the job.

    Returns
    -------
    str
        Path of the file; empty where nothing is asked for.
    """
    values = {
        name: value
        for name, value in environ.items()
        if name.startswith(_CREDENTIAL_PREFIXES) and name not in _NOT_CREDENTIALS
    }
    if "@" in tracking_uri.partition("://")[2].partition("/")[0]:
        # A URL with a user's name and password: the run is told the bare one.
        values["MLFLOW_TRACKING_URI"] = tracking_uri
    if not values or "://" not in tracking_uri or tracking_uri.startswith("sqlite"):
        return ""
    return write_private(state_dir / "credentials", f"{job}.json", json.dumps(values))
