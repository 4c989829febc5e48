"""The composition root: the one place that knows which gateway stands behind which contract."""

from __future__ import annotations

import functools
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.app_targets import KnownTargets
from rayspace.config import (
    absolute_uri,
    project_dir,
    settings_fingerprint,
)
from rayspace.core.tracking.server import configured_tracking, parse_tracking
from rayspace.gateways.attached import AttachedClusterGateway
from rayspace.gateways.kube.client import KubeClient
from rayspace.gateways.kube.gateway import KubeRayGateway
from rayspace.gateways.kube.head_door import KubeHeadDoor
from rayspace.gateways.kube.tracking import CLIENT_SECRET, KubeTracking
from rayspace.gateways.local_ray.gateway import LocalRayGateway
from rayspace.gateways.local_ray.installation import find_ray
from rayspace.gateways.local_ray.records import RecordStore
from rayspace.gateways.ray_head.doors import RoutedDoor
from rayspace.gateways.ray_head.http import HttpHeadGateway
from rayspace.gateways.selection_file import SelectionFile
from rayspace.gateways.system_clock import SystemClock
from rayspace.job_credentials import job_credentials
from rayspace.loop import run
from rayspace.model.place import Place
from rayspace.model.submission import JobDefaults
from rayspace.model.target import LOCAL, SIMULATED, Target
from rayspace.model.tracking import TrackingServer, TrackingWish
from rayspace.names import safe_name
from rayspace.persons_environment import PersonsEnvironment
from rayspace.services.clusters import ClusterService
from rayspace.services.ending import JobEnder
from rayspace.services.jobs import JobService
from rayspace.services.ledgers import Ledger, Ledgers
from rayspace.services.live import LiveSide
from rayspace.services.starters import Starters
from rayspace.services.submission import Submission
from rayspace.this_machine import new_suffix, user_name, versions_here

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rayspace.gateways.contracts import ClusterGateway, RunGateway
    from rayspace.gateways.kube.client_tunnel import ClientTunnel
    from rayspace.gateways.mlflow.lent_server import LentMlflow
    from rayspace.gateways.mlflow.local_server import LocalMlflow
    from rayspace.gateways.ray_head.doors import HeadDoor
    from rayspace.gateways.simulated.gateway import SimulatedGateway
    from rayspace.model.cluster import HeadAddress
    from rayspace.model.kernel import KernelFacts

#: Who names a target that is asked also when nobody names it: not each context of a kubeconfig.
_SETTLED = {"settings", "pod", "used", "simulated"}


class App(KnownTargets):
    """All services for one project.

    Parameters
    ----------
    project
        The project directory.
    environ
        The environment.
    kernel
        The Python that things are done for, where it is another than this one.
    """

    def __init__(
        self, project: Path, environ: Mapping[str, str], kernel: KernelFacts | None = None
    ) -> None:
        super().__init__(project, environ)
        self._kernel = kernel
        self.clock = SystemClock()
        self.doors: dict[str, KubeHeadDoor] = {}
        self._played_doors: dict[str, HeadDoor] = {}
        own_token = environ.get("RAY_AUTH_TOKEN", "") if self.is_inside_job else ""
        self.door = RoutedDoor(self.doors, self._played_doors, own_token=own_token)
        self.head = HttpHeadGateway(self.door)
        self._clients: dict[Target, KubeClient] = {}
        self._trackings: dict[str, KubeTracking] = {}
        self._runs_of: dict[str, RunGateway] = {}

    @property
    def is_inside_job(self) -> bool:
        """Whether this program is the notebook of a job."""
        return bool(self.environ.get("RAYSPACE_RUN_ID"))

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
        from rayspace.gateways.mlflow.runs import MlflowRunGateway

        return MlflowRunGateway(
            self.tracking_uri, self.project / "mlruns", lambda: self.local_mlflow[1]
        )

    @property
    def local_mlflow(self) -> tuple[LocalMlflow, LentMlflow]:
        """MLflow's server for the database of this project, which runs when it is asked."""
        from rayspace.gateways.mlflow.lent_server import local_mlflow
        from rayspace.gateways.python.kernels import find_mlflow

        named = self._kernel.python if self._kernel else ""
        return local_mlflow(self.tracking_uri, self.environ, find_mlflow, named)

    async def close(self) -> None:
        """Let go of all connections; what runs goes on."""
        closers = [door.close for door in self.doors.values()]
        closers += [tracking.close for tracking in self._trackings.values()]
        for close in (*closers, *(client.close for client in self._clients.values())):
            await close()

    async def tracking_of(self, target: str) -> TrackingServer:
        """Return the tracking server of jobs on a target.

        Parameters
        ----------
        target
            Name of the target.

        Raises
        ------
        TrackingMissingError
            If the settings name none, and there is none in the namespace.
        """
        if target in {LOCAL, SIMULATED}:
            return TrackingServer(self.tracking_uri, self.tracking_uri, source="machine")
        return await self.kube_tracking(target).find()

    def tracking_key(self, target: str) -> tuple[str, ...]:
        """Return what tells the tracking server of a target from others, without asking for it."""
        if target in {LOCAL, SIMULATED}:
            return (self.tracking_uri,)
        named = self._named(target)
        configured = configured_tracking(self._tracking_wish(target), self._common_tracking)
        if configured is not None:
            return (configured.uri, configured.userinfo)
        return (named.context, named.namespace)

    def tracking_server(self, target: str) -> TrackingServer:
        """Return what `tracking_of` does, for threads without a loop of ours."""
        return run(self.tracking_of(target))

    def runs_of(self, target: str) -> RunGateway:
        """Return the runs of jobs on a target; its server is looked for when it is first asked.

        As `runs` it blocks, and belongs in threads other than that of our loop.
        """
        if target in {LOCAL, SIMULATED}:
            return self.runs
        if target not in self._runs_of:
            from rayspace.gateways.mlflow.runs import MlflowRunGateway

            self._runs_of[target] = MlflowRunGateway(
                lambda: self.tracking_server(target).client_uri, None
            )
        return self._runs_of[target]

    def kube_tracking(self, target: str) -> KubeTracking:
        """Return what finds the tracking server of a target on Kubernetes."""
        if target not in self._trackings:
            self._trackings[target] = KubeTracking(
                self.kube_client(target),
                self.environ,
                self._tracking_wish(target),
                self._common_tracking,
            )
        return self._trackings[target]

    @property
    def _common_tracking(self) -> TrackingWish:
        chosen = self.settings
        return TrackingWish(chosen.tracking_uri, chosen.tracking_pod_uri, chosen.tracking_secret)

    def _tracking_wish(self, target: str) -> TrackingWish:
        entry = self.settings.targets.get(target, {}).get("tracking", {})
        return parse_tracking(target, entry)

    def kube_client(self, target: str) -> KubeClient:
        """Return the API server of a target on Kubernetes; `TargetNotFoundError` for another."""
        return self._client_of(self._named(target))

    def _client_of(self, target: Target) -> KubeClient:
        if target not in self._clients:
            self._clients[target] = KubeClient(target, self.environ)
        return self._clients[target]

    @functools.cached_property
    def clusters(self) -> ClusterService:
        """Clusters of all targets."""
        from rayspace.gateways.profile_files import ProfileFiles

        gateways: dict[str, ClusterGateway] = {}
        if self.is_inside_job:
            gateways[LOCAL] = AttachedClusterGateway(self.environ, self.head)
        else:
            find = functools.partial(find_ray, self._kernel)
            gateways[LOCAL] = LocalRayGateway(self.record_store, self.head, self.clock, find)
            gateways |= self._kube_gateways
            if self.settings.simulated:
                gateways[SIMULATED] = self._simulated()
        return ClusterService(
            gateways,
            self.head,
            ProfileFiles(self.project),
            SelectionFile(self.state_dir / "selection.json"),
            self.clock,
            str(self.project),
            JobEnder(self.head, self.ledgers, self.clock),
            [target.name for target in self.targets() if target.source in _SETTLED],
        )

    def _simulated(self) -> SimulatedGateway:
        """Play a target on Kubernetes: loaded only where somebody switched it on."""
        from rayspace.gateways.simulated.gateway import SimulatedGateway
        from rayspace.gateways.simulated.head_door import SimulatedDoor

        versions = functools.partial(versions_here, self._kernel)
        gateway = SimulatedGateway(self.state_dir / "simulated.json", self.clock, versions)
        self._played_doors[SIMULATED] = SimulatedDoor(gateway, self.clock)
        return gateway

    async def open_tunnel(self, head: HeadAddress, on_gone: Callable[[], None]) -> ClientTunnel:
        """Open a way to a head for the Ray of this process; see `KubeHeadDoor.tunnel`."""
        return await self.doors[head.target].tunnel(head, self.state_dir / "connections", on_gone)

    def _on_kubernetes(self, target: Target) -> KubeRayGateway:
        client = self._client_of(target)
        self.doors[target.name] = KubeHeadDoor(client)
        secret = self._tracking_wish(target.name).secret or self.settings.tracking_secret
        versions = functools.partial(versions_here, self._kernel)
        return KubeRayGateway(client, self.clock, versions, self.state_dir, secret or CLIENT_SECRET)

    @functools.cached_property
    def _kube_gateways(self) -> dict[str, KubeRayGateway]:
        if self.is_inside_job:
            return {}
        return {target.name: self._on_kubernetes(target) for target in self._kube_targets}

    @functools.cached_property
    def _place(self) -> Place:
        return Place(socket.gethostname(), user_name(), str(self.state_dir), str(self.project))

    @functools.cached_property
    def ledgers(self) -> Ledgers:
        """The tracking servers of all targets."""
        return Ledgers(self.runs, self._place, self._open_ledger, self._targets_of_jobs)

    async def _open_ledger(self, target: str) -> Ledger:
        server = await self.tracking_of(target)
        is_ours = server.uri == self.tracking_uri
        runs = self.runs if is_ours else self.runs_of(target)
        return Ledger(runs, server.pod_uri, server.secret, is_relayed=bool(server.token))

    def _targets_of_jobs(self) -> list[str]:
        """Name the targets whose jobs are looked for: those in use, and not every context."""
        if self.is_inside_job:
            return []
        used = {(target.context, target.namespace) for target in self._used_targets.list()}
        known = [
            target.name
            for target in self._kube_targets
            if target.source != "kubeconfig" or (target.context, target.namespace) in used
        ]
        chosen = self.clusters.chosen_target()
        return [*known, *([chosen] if chosen and chosen not in known else [])]

    def _note_target(self, name: str) -> None:
        """Ask a target for jobs from now on."""
        if name != LOCAL and name not in self._targets_of_jobs():
            self._used_targets.add(self._named(name))

    @functools.cached_property
    def jobs(self) -> JobService:
        """Jobs of all targets."""
        from rayspace.gateways.project.workfiles import Workfiles
        from rayspace.gateways.python.kernels import Kernels
        from rayspace.gateways.python.package_survey import ProjectPackages
        from rayspace.gateways.runner_archive import runner_archive

        gateways = {name: gateway.jobs for name, gateway in self._kube_gateways.items()}
        starters = Starters(
            self.head,
            gateways,
            lambda: runner_archive(self.state_dir / "runner"),
            self._credentials,
        )
        packages = ProjectPackages(self._kernel.python) if self._kernel else ProjectPackages()
        submission = Submission(
            Workfiles(), Kernels(), packages, self.clock, new_suffix, self._place
        )
        return JobService(
            self.clusters,
            self.head,
            self.ledgers,
            LiveSide(self.clusters, self.head, gateways, self._place),
            starters,
            submission,
            self.clock,
            self._place,
            self._job_defaults(),
            self._note_target,
        )

    @property
    def experiment(self) -> str:
        """The experiment of runs whose author names none."""
        return self.settings.experiment or safe_name(self.project.name or "rayspace")

    def _job_defaults(self) -> JobDefaults:
        chosen, environ, experiment = self.settings, self.environ, self.experiment
        if not self.is_inside_job:
            return JobDefaults(experiment, chosen.sample_interval_s, sampled_gpus=chosen.gpu_choice)
        return JobDefaults(
            experiment=environ.get("RAYSPACE_EXPERIMENT", "") or experiment,
            sample_interval_s=chosen.sample_interval_s,
            sampled_gpus=chosen.gpu_choice,
            parent_run_id=environ["RAYSPACE_RUN_ID"],
            depth=int(environ.get("RAYSPACE_DEPTH", "0")) + 1,
            own_notebook=environ.get("RAYSPACE_NOTEBOOK", ""),
            own_job=environ.get("RAYSPACE_JOB", ""),
        )

    def _credentials(self, job: str) -> str:
        return job_credentials(self.environ, self.tracking_uri, self.state_dir, job)


_current: tuple[object, App] | None = None


def current_app() -> App:
    """Return the services for the project of the working directory, as it is set up now."""
    global _current
    project = project_dir(Path.cwd())
    environ = PersonsEnvironment(os.environ)
    key = settings_fingerprint(project, environ)
    if _current is None or _current[0] != key:
        _current = (key, App(project, environ))
    return _current[1]
