"""The composition root: the one place that knows which gateway stands behind which contract."""

from __future__ import annotations

import functools
import getpass
import json
import os
import secrets
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from rayspace.config import (
    Rayspace,
    absolute_uri,
    load_settings,
    project_dir,
    settings_fingerprint,
)
from rayspace.gateways.attached import AttachedClusterGateway
from rayspace.gateways.local_ray.gateway import LocalRayGateway
from rayspace.gateways.local_ray.records import RecordStore
from rayspace.gateways.private_files import write_private
from rayspace.gateways.ray_head import HttpHeadGateway
from rayspace.gateways.selection_file import SelectionFile
from rayspace.gateways.system_clock import SystemClock
from rayspace.model.place import Place
from rayspace.model.submission import JobDefaults
from rayspace.names import safe_name
from rayspace.services.clusters import ClusterService
from rayspace.services.ending import JobEnder
from rayspace.services.jobs import JobService
from rayspace.services.submission import Submission

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import ClusterGateway, RunGateway

#: Letters of a job's random end: none that are mistaken for each other, no vowels.
_SUFFIX_LETTERS = "bcdfghjkmnpqrstvwxz23456789"
_SUFFIX_LENGTH = 5
#: Variables by which MLflow's clients and artifact stores prove who they are.
_CREDENTIAL_PREFIXES = ("MLFLOW_TRACKING_", "AWS_", "AZURE_", "GOOGLE_", "MLFLOW_S3_")
_NOT_CREDENTIALS = {"MLFLOW_TRACKING_URI"}


class App:
    """All services for one project.

    Parameters
    ----------
    project
        The project directory.
    environ
        The environment.
    """

    def __init__(self, project: Path, environ: Mapping[str, str]) -> None:
        self.project = project
        self.environ = environ
        self.clock = SystemClock()
        self.head = HttpHeadGateway()

    @functools.cached_property
    def settings(self) -> Rayspace:
        """The settings of the project."""
        return load_settings(self.project, self.environ)

    @property
    def is_inside_job(self) -> bool:
        """Whether this program is the notebook of a job."""
        return bool(self.environ.get("RAYSPACE_RUN_ID"))

    @functools.cached_property
    def state_dir(self) -> Path:
        """Where records of local clusters are kept."""
        named = self.settings.state_dir
        return Path(named) if named else platformdirs.user_state_path("rayspace")

    @functools.cached_property
    def tracking_uri(self) -> str:
        """The tracking server: as set, else a database in the project."""
        base = Path.cwd() if self.environ.get("MLFLOW_TRACKING_URI") else self.project
        return absolute_uri(self.settings.tracking_uri or "sqlite:///mlflow.db", base)

    @functools.cached_property
    def record_store(self) -> RecordStore:
        """State files of local clusters."""
        return RecordStore(self.state_dir / "clusters")

    @functools.cached_property
    def runs(self) -> RunGateway:
        """The tracking server's gateway."""
        from rayspace.gateways.mlflow import MlflowRunGateway

        return MlflowRunGateway(self.tracking_uri, self.project / "mlruns")

    @functools.cached_property
    def clusters(self) -> ClusterService:
        """Clusters of all targets."""
        from rayspace.gateways.profile_files import ProfileFiles

        gateway: ClusterGateway = (
            AttachedClusterGateway(self.environ, self.head)
            if self.is_inside_job
            else LocalRayGateway(self.record_store, self.head, self.clock)
        )
        return ClusterService(
            {gateway.target: gateway},
            self.head,
            ProfileFiles(self.project),
            SelectionFile(self.state_dir / "selection.json"),
            self.clock,
            str(self.project),
            JobEnder(self.head, self.runs, self.clock),
        )

    @functools.cached_property
    def jobs(self) -> JobService:
        """Jobs of all clusters."""
        from rayspace.gateways.kernels import Kernels
        from rayspace.gateways.runner_archive import runner_archive
        from rayspace.gateways.workfiles import Workfiles

        place = Place(socket.gethostname(), _user(), str(self.state_dir))
        submission = Submission(
            self.head,
            Workfiles(),
            Kernels(),
            lambda: runner_archive(self.state_dir / "runner"),
            self._credentials,
            self.clock,
            _new_suffix,
            place,
        )
        return JobService(
            self.clusters,
            self.head,
            self.runs,
            submission,
            self.clock,
            place,
            self._job_defaults(),
        )

    def _job_defaults(self) -> JobDefaults:
        settings, environ = self.settings, self.environ
        experiment = settings.experiment or safe_name(self.project.name or "rayspace")
        if not self.is_inside_job:
            return JobDefaults(experiment, settings.sample_interval_s)
        return JobDefaults(
            experiment=environ.get("RAYSPACE_EXPERIMENT", "") or experiment,
            sample_interval_s=settings.sample_interval_s,
            parent_run_id=environ["RAYSPACE_RUN_ID"],
            depth=int(environ.get("RAYSPACE_DEPTH", "0")) + 1,
            own_notebook=environ.get("RAYSPACE_NOTEBOOK", ""),
            own_job=environ.get("RAYSPACE_JOB", ""),
        )

    def _credentials(self, job: str) -> str:
        """Write what a tracking server asks for to a file that only this user can read.

        The Jobs API shows a job's environment to everybody who can reach it, so nothing of it may
        go that way. The runner deletes the file.
        """
        values = {
            name: value
            for name, value in self.environ.items()
            if name.startswith(_CREDENTIAL_PREFIXES) and name not in _NOT_CREDENTIALS
        }
        if "@" in self.tracking_uri.partition("://")[2].partition("/")[0]:
            # A URL with a user's name and password: the run is told the bare one.
            values["MLFLOW_TRACKING_URI"] = self.tracking_uri
        if not values or "://" not in self.tracking_uri or self.tracking_uri.startswith("sqlite"):
            return ""
        return write_private(self.state_dir / "credentials", f"{job}.json", json.dumps(values))


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        # A user id without a name, as containers have.
        return f"uid-{os.getuid()}"


def _new_suffix() -> str:
    return "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))


_current: tuple[object, App] | None = None


def current_app() -> App:
    """Return the services for the project of the working directory, as it is set up now."""
    global _current
    project = project_dir(Path.cwd())
    key = settings_fingerprint(project, os.environ)
    if _current is None or _current[0] != key:
        _current = (key, App(project, os.environ))
    return _current[1]
