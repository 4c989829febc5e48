"""Begin and end to track the interactive work of this process.

The run belongs to the cluster that this session uses: its nodes are sampled into it, and what cells
log by MLflow lands in it, as in a job. There is at most one in a process.
"""

from __future__ import annotations

import atexit
import functools
import os
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace import attach
from rayspace.errors import PhaseError
from rayspace.gateways.mlflow.errors import without_credentials
from rayspace.job_credentials import job_credentials
from rayspace.loop import run
from rayspace.model.measurement import GpuChoice
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.run import RunStatus, Tag
from rayspace.model.target import LOCAL
from rayspace.persons_environment import MARK, TOKEN, URI
from rayspace.present.times import clock_time
from rayspace.runner.import_hook import after_import
from rayspace.runner.mlflow_hook import JobRun
from rayspace.runner.tracked_parent import announce, withdraw
from rayspace.services.usage import with_nodes
from rayspace.this_machine import new_suffix, user_name
from rayspace.tracked.head import ReachedHead
from rayspace.tracked.marks import Marks
from rayspace.tracked.session import TrackedSession, shown

if TYPE_CHECKING:
    from types import ModuleType

    from rayspace.app import App
    from rayspace.model.cluster import ClusterState
    from rayspace.model.run import RunRecord
    from rayspace.model.tracked_run import TrackedRun
    from rayspace.services.ledgers import Ledger

_EXPERIMENT_ID = "MLFLOW_EXPERIMENT_ID"
_EXPERIMENT_NAMES = (_EXPERIMENT_ID, "MLFLOW_EXPERIMENT_NAME")


class _Tracking:
    """What this process tracks now, and what was changed for that."""

    def __init__(self, session: TrackedSession, marks: Marks) -> None:
        self.session = session
        self.marks = marks
        self.is_on = True
        self.hook: JobRun | None = None
        self.ray_init: Any = None
        self.told: dict[str, str] = {}
        self.told_at = ""
        #: Variables as they were.
        self.earlier: dict[str, str | None] = {}


_current: _Tracking | None = None
_lock = threading.Lock()


def tracked_now() -> TrackedRun | None:
    """Return the run that this process is tracked in; None where it is not."""
    return _current.session.tracked if _current is not None else None


def track(
    app: App,
    experiment: str | None = None,
    *,
    cluster: str | None = None,
    name: str = "",
    report: Report = silent,
) -> TrackedRun:
    """Track this process from now on.

    Parameters
    ----------
    app
        The services.
    experiment
        Experiment of MLflow; by default that of the project's jobs.
    cluster
        The cluster; by default the one that Ray here is connected to, else the chosen one.
    name
        Name of the run; by default after the notebook.
    report
        Called with each stage.

    Returns
    -------
    TrackedRun
        The run.

    Raises
    ------
    PhaseError
        If something is tracked already, or the cluster has no nodes.
    TrackingMissingError
        If the cluster's target has no tracking server.
    """
    global _current
    with _lock:
        _refuse_twice()
        attached = None if cluster else _attached()
        target = attach.attached_target() if attached else None
        state = run(with_nodes(app.clusters, cluster or attached, target=target))
        report(Stage("track", f"Asking MLflow of {state.target}", is_passing=True))
        ledger = run(app.ledgers.of(state.target))
        marks = Marks(app.state_dir / "tracked")
        for forgotten in marks.close_forgotten(app.runs_of):
            text = f"Marked {forgotten} as killed: the process that tracked it is gone"
            report(Stage("forgotten", text, "note"))
        record = ledger.runs.create(
            experiment=experiment or app.experiment,
            name=name or f"{_stem(app)}-{new_suffix()}",
            tags=_tags(state),
            params={},
        )
        tracking = _begin(app, state, ledger, record, marks)
        _current = tracking
    if not _logs_there(tracking, ledger):
        text = "MLflow in this session logs elsewhere by its own setting; only nodes are recorded"
        report(Stage("elsewhere", text, "note"))
    return tracking.session.tracked


def untrack(*, is_failed: bool = False, report: Report = silent) -> TrackedRun:
    """End what `track` began.

    Parameters
    ----------
    is_failed
        Whether the run is marked as failed.
    report
        Called with each stage.

    Returns
    -------
    TrackedRun
        The run, with what the end tells of the nodes.

    Raises
    ------
    PhaseError
        If nothing is tracked.
    RayspaceError
        If the tracking server does not take it; then it can be ended once more.
    """
    global _current
    with _lock:
        tracking = _current
        if tracking is None:
            raise PhaseError(
                "Nothing is tracked in this session.",
                hint="Begin with: rayspace cluster track EXPERIMENT",
            )
        report(Stage("track", "Taking a last sample, and summing up", is_passing=True))
        _let_go(tracking)
        ended = tracking.session.end(RunStatus.FAILED if is_failed else RunStatus.FINISHED)
        tracking.marks.clear(ended.run_id)
        _remove_credentials(tracking)
        _current = None
        atexit.unregister(_end_with_process)
    return ended


def _refuse_twice() -> None:
    now = tracked_now()
    if now is not None:
        raise PhaseError(
            f"The run {now.name!r} of {now.experiment!r} is tracked since"
            f" {clock_time(now.started_ms)}, on the cluster {now.cluster!r}.",
            hint="End it first with: rayspace cluster untrack",
            details={"run_id": now.run_id},
        )


def _attached() -> str | None:
    name = attach.attached_name()
    # A Ray that nobody put on record is known by its address only.
    return name if name and ":" not in name else None


def _stem(app: App) -> str:
    # Set by Jupyter Server for every kernel that a notebook starts.
    named = app.environ.get("JPY_SESSION_NAME", "")
    return Path(named).stem if named.endswith(".ipynb") else "session"


def _tags(state: ClusterState) -> dict[str, str]:
    found = {
        Tag.TRACKED: socket.gethostname(),
        Tag.CLUSTER: state.name,
        Tag.CLUSTER_UID: state.uid,
        Tag.TARGET: state.target,
        Tag.PROFILE: state.profile,
        Tag.RAY_VERSION: state.ray_version,
        Tag.PYTHON_VERSION: state.python_version,
        Tag.USER: user_name(),
        Tag.SOURCE_NAME: os.environ.get("JPY_SESSION_NAME", ""),
        Tag.SOURCE_TYPE: "NOTEBOOK",
    }
    return {name: value for name, value in found.items() if value}


def _begin(
    app: App, state: ClusterState, ledger: Ledger, record: RunRecord, marks: Marks
) -> _Tracking:
    runs = ledger.runs
    try:
        runs.set_status(record.run_id, RunStatus.RUNNING)
        marks.set(record.run_id, state.target)
        is_here = state.target == LOCAL
        session = TrackedSession(
            shown(record, state.name, state.target, without_credentials(ledger.shown_uri)),
            runs,
            ReachedHead(app.door, state.address),  # type: ignore[arg-type]  # as the sampler asks it
            app.settings.sample_interval_s,
            # Elsewhere the programs of this process are known under other names.
            app.settings.gpu_choice if is_here else GpuChoice.ALL,
            state.spec.pods.price_per_hour,
        )
        tracking = _Tracking(session, marks)
        tracking.told = {
            "run_id": record.run_id,
            "experiment_id": record.experiment_id,
            "tracking_uri": without_credentials(ledger.pod_uri),
            "credentials": _credentials(app, record.run_id) if is_here else "",
        }
        _point_mlflow(app, state.target, tracking, record)
        _adapt(tracking, record.run_id)
        session.start()
    except BaseException:
        # Interrupted, or not taken: a run that nobody tracks must not seem to go on.
        runs.set_status(record.run_id, RunStatus.KILLED)
        marks.clear(record.run_id)
        raise
    atexit.register(_end_with_process)
    return tracking


def _credentials(app: App, run_id: str) -> str:
    return job_credentials(app.environ, app.tracking_uri, app.state_dir, f"tracked-{run_id}")


def _remove_credentials(tracking: _Tracking) -> None:
    path = tracking.told.get("credentials", "")
    if path:
        Path(path).unlink(missing_ok=True)


def _point_mlflow(app: App, target: str, tracking: _Tracking, record: RunRecord) -> None:
    """Let MLflow here log to the run's server and experiment, unless the person named others."""
    wanted: dict[str, str] = {}
    if not app.environ.get(URI):
        server = app.tracking_server(target)
        address = server.uri if server.token else server.client_uri
        wanted |= {URI: address, MARK: address}
        if server.token:
            wanted[TOKEN] = server.token
    if not any(os.environ.get(name) for name in _EXPERIMENT_NAMES):
        wanted[_EXPERIMENT_ID] = record.experiment_id
    tracking.earlier = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)


def _adapt(tracking: _Tracking, run_id: str) -> None:
    uri = os.environ.get(URI, "")

    def adapt_mlflow(mlflow: ModuleType) -> None:
        if tracking.is_on and "mlflow.tracking.fluent" in sys.modules:
            tracking.hook = JobRun(mlflow, run_id, set(), uri)
            tracking.hook.install()

    def adapt_ray(ray: ModuleType) -> None:
        if not tracking.is_on:
            return
        original = tracking.ray_init = ray.init

        @functools.wraps(original)
        def init(*args: Any, **kwargs: Any) -> Any:
            result = original(*args, **kwargs)
            if tracking.is_on:
                tracking.told_at = announce(tracking.told)
            return result

        ray.init = init  # type: ignore[attr-defined]
        tracking.told_at = announce(tracking.told)

    after_import("mlflow", adapt_mlflow)
    after_import("ray", adapt_ray)


def _logs_there(tracking: _Tracking, ledger: Ledger) -> bool:
    mlflow = sys.modules.get("mlflow")
    if mlflow is None or not hasattr(mlflow, "get_tracking_uri"):
        return True
    now = without_credentials(str(mlflow.get_tracking_uri())).rstrip("/")
    return now == without_credentials(os.environ.get(URI, "")).rstrip("/")


def _let_go(tracking: _Tracking) -> None:
    """Leave MLflow, Ray and the environment as they were."""
    tracking.is_on = False
    if tracking.hook is not None:
        tracking.hook.uninstall()
        tracking.hook = None
    if tracking.ray_init is not None:
        sys.modules["ray"].init = tracking.ray_init  # type: ignore[attr-defined]
        tracking.ray_init = None
        withdraw(tracking.told_at)
    for name, value in tracking.earlier.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    tracking.earlier = {}


def _end_with_process() -> None:
    tracking = _current
    if tracking is not None:
        tracking.is_on = False
        tracking.session.abandon()
        if tracking.session.tracked.ended_ms:
            tracking.marks.clear(tracking.session.tracked.run_id)
        _remove_credentials(tracking)
