"""What services ask of outside systems. Each contract has a real side and an in-memory twin."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from rayspace.model.bundle import BundlePlan, GitState, PackedBundle
    from rayspace.model.cluster import ClusterSpec, ClusterState, HeadAddress, Node
    from rayspace.model.job import LiveJob
    from rayspace.model.kernel import KernelSpec
    from rayspace.model.limits import NamespaceLimits
    from rayspace.model.notebook import Notebook
    from rayspace.model.package_survey import PackageSurvey
    from rayspace.model.packages import PackagesMode
    from rayspace.model.profile import Profile
    from rayspace.model.profile_entry import ProfileFile
    from rayspace.model.progress import Report
    from rayspace.model.ray_job import Launch, RayJobState
    from rayspace.model.run import RunRecord, RunStatus


class Clock(Protocol):
    """Tells the time and waits."""

    def now_ms(self) -> int:
        """Return the time. [ms since 1970-01-01 UTC]"""
        ...

    def monotonic_s(self) -> float:
        """Return a time that never goes back, from an arbitrary start. [s]"""
        ...

    async def sleep(self, duration_s: float) -> None:
        """Wait. [s]"""
        ...


class ClusterGateway(Protocol):
    """One kind of cluster: local Ray, or another scheduler's.

    Promises of every implementation:

    - `create` returns once head and workers are *requested* and on record; a crash of the caller
      after that loses nothing. A name in use by a cluster that will do returns that one, by
      another raises `ClusterExistsError`, and one that another caller changes right now
      `ClusterBusyError`, as with `scale`, `delete` and `adopt`.
    - `get` and `list` observe, and change nothing. A record that can't be understood is a cluster
      of phase ``unreadable``, and keeps no other from being seen.
    - `delete` ends only what this product started; an adopted cluster is only forgotten. What it
      ends and removes is told in phrases that begin with a verb, like ``end the head``.
    - `create`, `scale` and `delete` are done when they return, also when the caller stops waiting.
    """

    @property
    def target(self) -> str:
        """Name of the target that it serves."""
        ...

    async def create(
        self, spec: ClusterSpec, report: Report, *, force: bool = False
    ) -> ClusterState:
        """Request a cluster; by force also one that could never come up as things are.

        On Kubernetes by force also in place of one's own of that name that is not ready.
        """
        ...

    async def get(self, name: str) -> ClusterState:
        """Observe a cluster; `ClusterNotFoundError` if there is none of that name."""
        ...

    async def list(self) -> builtins.list[ClusterState]:
        """Observe all clusters, sorted by name."""
        ...

    def changes(self, name: str) -> AsyncGenerator[ClusterState, None]:
        """Yield a cluster as it is, and again whenever it may have changed."""
        ...

    def watch(self) -> AsyncGenerator[Mapping[str, ClusterState | None], None]:
        """Yield all clusters by name, then those that changed; None for one that is gone.

        Ends only by an error: who watches begins anew, with all of them.
        """
        ...

    async def profile_files(self) -> Sequence[ProfileFile]:
        """Read the profiles that an administrator set there; none where there are none."""
        ...

    async def limits(self) -> NamespaceLimits:
        """Read what one cluster may ask for there; `UsageError` where nobody can set limits."""
        ...

    async def explain(self, name: str) -> ClusterState:
        """Observe a cluster, and all that may say why it is as it is."""
        ...

    async def scale(
        self,
        name: str,
        n_workers: int,
        report: Report,
        *,
        max_workers: int | None = None,
        group: str = "",
    ) -> ClusterState:
        """Request another number of workers, of the first group if none is named.

        With ``max_workers`` [1] Ray may change it between the two; `PhaseError` where it can't.
        """
        ...

    async def suspend(self, name: str, report: Report) -> ClusterState:
        """End all of a cluster but its description; `PhaseError` where that can't be."""
        ...

    async def resume(self, name: str, report: Report) -> ClusterState:
        """Bring a suspended cluster back."""
        ...

    async def extend(self, name: str, duration_s: float, report: Report) -> ClusterState:
        """Keep a cluster for so long, worked or not. [s]"""
        ...

    async def delete(self, name: str, report: Report, *, force: bool = False) -> builtins.list[str]:
        """End a cluster; returns one line for each thing that was ended or removed.

        One of somebody else's only by force, else `RefusedError`.
        """
        ...

    async def planned_deletion(self, name: str) -> builtins.list[str]:
        """Say what `delete` would end or remove."""
        ...

    async def adopt(self, name: str, dashboard_url: str) -> ClusterState:
        """Put a running Ray that somebody else started on record."""
        ...

    def logs(self, name: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield lines of the head's log."""
        ...


class HeadGateway(Protocol):
    """The HTTP face of a Ray head: versions, nodes, jobs."""

    async def version(self, head: HeadAddress) -> Mapping[str, str]:
        """Return ``ray_version`` and ``session_name``."""
        ...

    async def python_version(self, head: HeadAddress) -> str:
        """Return the version of Python; empty where the head does not tell."""
        ...

    async def nodes(self, head: HeadAddress) -> builtins.list[Node]:
        """Observe all nodes."""
        ...

    async def submit(
        self,
        head: HeadAddress,
        *,
        submission_id: str,
        entrypoint: str,
        env: Mapping[str, str],
        metadata: Mapping[str, str],
        working_dir: str = "",
        driver_cpus: float = 0.0,
        driver_gpus: float = 0.0,
        takes_slot: bool = False,
    ) -> None:
        """Start a job; `ConflictError` if the submission id is taken.

        It begins in what ``working_dir`` names, a URI of `store_package`; Ray reserves CPUs and
        GPUs for it [1], and one of the places for notebooks where it takes one.
        """
        ...

    async def store_package(self, head: HeadAddress, path: Path) -> str:
        """Give a head a zip file that its nodes can unpack, and return its URI."""
        ...

    async def job(self, head: HeadAddress, submission_id: str) -> LiveJob:
        """Observe a job; `JobNotFoundError` if the head knows none of that id."""
        ...

    async def jobs(self, head: HeadAddress) -> builtins.list[LiveJob]:
        """Observe all jobs that were submitted."""
        ...

    async def stop(self, head: HeadAddress, submission_id: str) -> None:
        """Ask a job to stop; returns at once."""
        ...

    def logs(self, head: HeadAddress, submission_id: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield pieces of a job's log, as written; ends with the job when following."""
        ...


class JobGateway(Protocol):
    """Jobs that get a cluster of their own, and go on without the machine that asked for them."""

    @property
    def namespace(self) -> str:
        """Where they are."""
        ...

    async def preview(self, launch: Launch) -> dict[str, Any]:
        """Return the object that `create` would apply."""
        ...

    async def check(self, launch: Launch, report: Report, *, force: bool = False) -> None:
        """Raise what would never come up; changes nothing."""
        ...

    async def create(self, launch: Launch, archive: Path) -> RayJobState:
        """Start a job with the runner in ``archive``; nothing is left of one that was refused."""
        ...

    async def get(self, name: str, *, explain: bool = True) -> RayJobState:
        """Observe a job; `JobNotFoundError` if there is none of that name."""
        ...

    async def explained(self, state: RayJobState) -> RayJobState:
        """Say what keeps the cluster of a job from running, if anything does."""
        ...

    async def cluster(self, state: RayJobState) -> ClusterState:
        """Observe the cluster of a job; `ClusterNotFoundError` while it has none."""
        ...

    async def end_when_stopped(self, name: str) -> None:
        """Let the cluster of a job end soon after Ray has stopped the job, whoever looks."""
        ...

    async def delete(self, name: str) -> None:
        """Delete a job and its cluster; one that is gone is no error."""
        ...

    async def events(self, name: str) -> str:
        """Return what happened to a job, its clusters and their pods, one line each."""
        ...

    async def pod_logs(self, name: str, *, n_lines: int = 2000) -> Mapping[str, str]:
        """Return the last lines of each pod of a job, by its name."""
        ...


class RunGateway(Protocol):
    """A tracking server. Its calls block: services run them in threads."""

    @property
    def tracking_uri(self) -> str:
        """The tracking URI, without credentials."""
        ...

    def check(self) -> None:
        """Raise `GatewayUnavailableError` if the server does not answer."""
        ...

    def create(
        self, *, experiment: str, name: str, tags: Mapping[str, str], params: Mapping[str, str]
    ) -> RunRecord:
        """Create a run with status SCHEDULED, and its experiment if it is missing."""
        ...

    def get(self, run_id: str) -> RunRecord:
        """Read a run; `JobNotFoundError` if there is none."""
        ...

    def jobs(
        self, *, name: str | None = None, parent_run_id: str | None = None, limit: int = 200
    ) -> builtins.list[RunRecord]:
        """List runs that are jobs, the newest first, at most ``limit``. [1]"""
        ...

    def children(self, record: RunRecord) -> builtins.list[RunRecord]:
        """List the child runs of a run, in its experiment, the newest first."""
        ...

    def update(
        self,
        run_id: str,
        *,
        tags: Mapping[str, str] | None = None,
        metrics: Sequence[tuple[str, float, int, int]] = (),
        params: Mapping[str, str] | None = None,
    ) -> None:
        """Write tags, metrics (key, value, time in ms, step) and parameters in one call."""
        ...

    def set_status(self, run_id: str, status: RunStatus) -> None:
        """Set the status; a terminal one also sets the end time."""
        ...

    def upload(self, run_id: str, path: Path, artifact_dir: str) -> None:
        """Store a file in a directory of the run's artifacts, replacing one of that name."""
        ...

    def download(self, run_id: str, artifact_path: str, directory: Path) -> Path:
        """Fetch one artifact into a directory; `JobNotFoundError` if there is none."""
        ...

    def artifacts(self, run_id: str, artifact_dir: str = "") -> builtins.list[str]:
        """List artifact paths below a directory, files only."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class Selection(Protocol):
    """Which cluster each project chose."""

    def get(self, project: str) -> str:
        """Return the name that was chosen for a project; empty for none."""
        ...

    def set(self, project: str, name: str) -> None:
        """Choose a cluster for a project; an empty name forgets the choice."""
        ...


class ProfileSource(Protocol):
    """Profiles by name, from all layers."""

    def get(self, name: str, also: Sequence[ProfileFile] = ()) -> Profile:
        """Return a profile, of these files too; `ProfileNotFoundError` or `ProfileError`."""
        ...

    def list(self, also: Sequence[ProfileFile] = ()) -> builtins.list[Profile]:
        """Return the profiles that can be used, the nearest layer's of each name."""
        ...


class WorkfileGateway(Protocol):
    """The files of a project on this machine. Its calls block."""

    def read(self, path: Path) -> bytes:
        """Read a notebook; `NotebookNotFoundError`, or `StorageError`."""
        ...

    def exists(self, text: str) -> bool:
        """Tell whether a path that a cell mentions is there."""
        ...

    def root_of(self, notebook_path: Path) -> Path:
        """Return the directory that travels with a notebook."""
        ...

    def plan(self, notebook_path: Path, root: Path, include: Sequence[str]) -> BundlePlan:
        """Decide which files travel."""
        ...

    def pack(self, plan: BundlePlan, destination: Path) -> PackedBundle:
        """Pack them into one file."""
        ...

    def git_state(self, root: Path) -> GitState:
        """Say which commit the files are of."""
        ...


class PackageGateway(Protocol):
    """What notebooks need of packages, as this machine knows it. Its calls block."""

    def survey(
        self,
        mode: PackagesMode,
        notebook: Notebook,
        bundle: BundlePlan,
        runner_python: str = "",
    ) -> PackageSurvey:
        """Plan the packages of a job; `VersionMismatchError`, `BundleError`.

        ``runner_python`` is the Python of this machine that runs the job; empty elsewhere.
        """
        ...


class KernelGateway(Protocol):
    """The Jupyter kernels and Pythons of the machine that runs jobs. Its calls block."""

    def find(self, python: str, name: str) -> KernelSpec:
        """Find a kernel; `KernelNotFoundError`."""
        ...

    def check(self, python: str, kernel: KernelSpec, ray_version: str) -> None:
        """Raise `VersionMismatchError` if a job could not run with them."""
        ...
