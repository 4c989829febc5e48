"""What a runner is told by its environment. Standard library only.

===============================  ================================================================
RAYSPACE_RUN_ID                  the run of the job
MLFLOW_TRACKING_URI              where that run is, without credentials
RAYSPACE_CREDENTIALS_FILE        JSON mapping of variables, which count more than the environment;
                                 read once, then deleted
RAYSPACE_DASHBOARD_URL           dashboard of the head; empty: no samples, and no watch on the head
RAYSPACE_DASHBOARD_PORT          its port on the machine of the head, where nobody knew the URL
RAYSPACE_ORDER_RUN_ID            the run that holds order and bundle; by default that of the job
RAYSPACE_TRIAL                   number of the trial of a sweep, from 1
RAYSPACE_SWEEP_SPOOL             spool of its sweep
RAYSPACE_RETRIES                 how often the job may be run anew
RAYSPACE_RETRIES_HERE            set where the runner itself does so
RAYSPACE_RUNNER_PACKAGE          URI by which Ray's nodes find this package; empty where a path does
RAYSPACE_RUNNER_PATH             what brings this package: a zip file or a directory
RAYSPACE_PACKAGES                what is to be done about packages: see runner/installation.py
RAYSPACE_PATIENCE_S              how long a tracking server that is away is waited for, at least
RAYSPACE_DEADLINE_S              deadline of a job whose order has none
RAYSPACE_ARTIFACT_ROOT           where artifacts go when the tracking URI names a database
RAY_ADDRESS                      the head, as Ray tells its jobs
RAY_AUTH_TOKEN(_PATH)            Ray's token, or the file that holds it
===============================  ================================================================

Between the two processes of a runner: RAYSPACE_SPOOL, the directory that they share, and
RAYSPACE_CREDENTIAL_NAMES, the variables that hold credentials.
"""

from __future__ import annotations

import json
import urllib.parse
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Parts of names of variables that hold a secret.
_SECRET_WORDS = ("TOKEN", "PASSWORD", "SECRET", "KEY")
#: Such variables that may be set without the credentials file.
_SECRET_NAMES = ("MLFLOW_TRACKING_TOKEN", "MLFLOW_TRACKING_PASSWORD", "RAY_AUTH_TOKEN")
#: Variables that only the runner needs: no notebook should see them.
PRIVATE_NAMES = (
    "RAYSPACE_SPOOL",
    "RAYSPACE_CREDENTIAL_NAMES",
    "RAYSPACE_CREDENTIALS_FILE",
    "RAYSPACE_ARTIFACT_ROOT",
    "RAYSPACE_PACKAGES",
    "RAYSPACE_RETRIES",
    "RAYSPACE_ORDER_RUN_ID",
    "RAYSPACE_TRIAL",
    "RAYSPACE_SWEEP_SPOOL",
    "RAYSPACE_RETRIES_HERE",
    "RAYSPACE_PATIENCE_S",
    "RAYSPACE_DEADLINE_S",
    "PYTHONSAFEPATH",
)


@dataclass(frozen=True)
class RunnerSettings:
    """What a runner is told.

    Parameters
    ----------
    run_id, tracking_uri
        The run of the job, and where it is.
    spool_dir
        Directory shared with the supervisor.
    runner_path
        What brings this package to the kernel and to Ray's workers.
    dashboard_url
        Dashboard of the head; empty when there is none to watch.
    ray_address
        ``host:port`` of the head.
    artifact_root
        Where artifacts go when the tracking URI names a database.
    patience_s
        How long a tracking server that is away is waited for, at least. [s]
    credentials
        Variables for MLflow that must reach the kernel and Ray's workers.
    secrets
        Values that must not be logged.
    """

    run_id: str
    tracking_uri: str
    spool_dir: Path
    runner_path: str
    dashboard_url: str = ""
    ray_address: str = ""
    artifact_root: Path | None = None
    patience_s: float = 0.0
    credentials: dict[str, str] = field(default_factory=dict, repr=False)
    secrets: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> RunnerSettings:
        """Read the settings.

        Raises
        ------
        SettingsError
            If a variable is missing without which no job can run.
        """
        for name in ("RAYSPACE_RUN_ID", "MLFLOW_TRACKING_URI", "RAYSPACE_SPOOL"):
            if not environment.get(name):
                raise SettingsError(
                    f"The variable {name} is not set.",
                    hint="This program is started by: rayspace job submit",
                    details={"variable": name},
                )
        names = [n for n in environment.get("RAYSPACE_CREDENTIAL_NAMES", "").split(",") if n]
        root = environment.get("RAYSPACE_ARTIFACT_ROOT")
        return cls(
            run_id=environment["RAYSPACE_RUN_ID"],
            tracking_uri=environment["MLFLOW_TRACKING_URI"],
            spool_dir=Path(environment["RAYSPACE_SPOOL"]),
            runner_path=environment.get("RAYSPACE_RUNNER_PATH") or package_path(),
            dashboard_url=environment.get("RAYSPACE_DASHBOARD_URL", "").rstrip("/"),
            ray_address=environment.get("RAY_ADDRESS", ""),
            artifact_root=Path(root) if root else None,
            patience_s=float(environment.get("RAYSPACE_PATIENCE_S") or 0.0),
            credentials={name: environment[name] for name in names if name in environment},
            secrets=_secrets(environment, {*names, *_SECRET_NAMES}),
        )


def _secrets(environment: Mapping[str, str], names: set[str]) -> tuple[str, ...]:
    values = {
        environment.get(name, "")
        for name in names
        if any(word in name for word in _SECRET_WORDS) and not name.endswith("_PATH")
    }
    password = urllib.parse.urlsplit(environment["MLFLOW_TRACKING_URI"]).password
    return tuple(sorted({*values, password or ""} - {""}, key=len, reverse=True))


def package_path() -> str:
    """Return the zip file or directory from which this package was imported."""
    # .../<path>/rayspace/runner/settings.py
    return str(Path(__file__).parents[2])


def dashboard_url(environment: Mapping[str, str]) -> str:
    """Return the dashboard of the head; empty where nothing is said of it."""
    url = environment.get("RAYSPACE_DASHBOARD_URL", "")
    host, _, port = environment.get("RAY_ADDRESS", "").rpartition(":")
    dashboard_port = environment.get("RAYSPACE_DASHBOARD_PORT", "")
    if url or not dashboard_port or not host or not port.isdigit() or "/" in host:
        return url
    return f"http://{host}:{dashboard_port}"


def take_credentials(path: str) -> dict[str, str]:
    """Read the credentials file and delete it.

    Parameters
    ----------
    path
        Its path; empty when there is none.

    Returns
    -------
    dict
        Variables and their values; empty when there is no such file.
    """
    if not path:
        return {}
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError:
        return {}
    Path(path).unlink()
    return {str(key): str(value) for key, value in json.loads(content).items()}
