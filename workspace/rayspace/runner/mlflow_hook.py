"""Make MLflow in user code log to the job's run, and never touch that run's status.

Runs in the user's kernel and in Ray's workers. ``MLFLOW_RUN_ID`` would hand the job's run to the
first ``start_run()``, which ends it. Instead: what is logged without a run goes to the job's run,
from any thread, task or actor; ``start_run()`` makes a child of it; only the runner ends it. Where
user code turns to another tracking server, MLflow is left as it is.
Source: mlflow/tracking/fluent.py of MLflow 3.17.
"""

from __future__ import annotations

import functools
import inspect
import json
import logging
import os
import sys
import threading
from typing import TYPE_CHECKING, Any

from rayspace.runner.import_hook import after_import

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import ModuleType

_PARENT_TAG = "mlflow.parentRunId"
#: Variable by which MLflow takes tags for new runs. Source: mlflow/tracking/context/
#: system_environment_context.py.
_CONTEXT_VARIABLE = "MLFLOW_RUN_CONTEXT"
#: The notebook's own value of a parameter that the job has set differently.
_NOTEBOOK_PREFIX = "notebook."
_logger = logging.getLogger("rayspace")


class JobRun:
    """The run of the job, for the MLflow of this process.

    Parameters
    ----------
    mlflow
        The module.
    run_id
        The run of the job.
    parameter_names
        Parameters that the job was given.
    tracking_uri
        The tracking server that holds the run; by default that which MLflow logs to now.
    """

    def __init__(
        self, mlflow: ModuleType, run_id: str, parameter_names: set[str], tracking_uri: str = ""
    ) -> None:
        self._mlflow = mlflow
        self._fluent: Any = sys.modules["mlflow.tracking.fluent"]
        self._run_id = run_id
        self._parameter_names = parameter_names
        self._tracking_uri = tracking_uri.rstrip("/") or self._current_uri()
        self._lock = threading.RLock()
        self._run: Any = None
        self._thread = threading.local()
        self._was_used = False
        self._renamed: set[str] = set()
        self._originals: dict[str, Callable[..., Any]] = {}
        #: What was put where, to be taken away again.
        self._placed: list[tuple[ModuleType, str, Callable[..., Any]]] = []

    def install(self) -> None:
        """Put our functions in the place of MLflow's, wherever they were imported to."""
        for name in (
            *("start_run", "end_run", "log_param", "log_params"),
            *("_get_or_start_run", "_get_latest_active_run"),
        ):
            original = getattr(self._fluent, name)
            self._originals[name] = original
            ours = _in_place_of(original, getattr(self, name.lstrip("_")))
            for module in list(sys.modules.values()):
                if (
                    getattr(module, "__name__", "").split(".")[0] == "mlflow"
                    and vars(module).get(name) is original
                ):
                    self._place(module, name, ours)
        # MLflow's own code asks the one in `fluent` whether a fit may make a run: it may.
        self._originals["active_run"] = self._fluent.active_run
        ours = _in_place_of(self._fluent.active_run, self.active_run)
        self._place(self._mlflow, "active_run", ours)

    def uninstall(self) -> None:
        """Put MLflow's own functions back, where ours still are, and part from the run."""
        for module, name, ours in self._placed:
            if vars(module).get(name) is ours:
                setattr(module, name, self._originals[name])
        self._placed = []
        stack = self._stack()
        stack[:] = [run for run in stack if run.info.run_id != self._run_id]

    def _place(self, module: ModuleType, name: str, ours: Callable[..., Any]) -> None:
        setattr(module, name, ours)
        self._placed.append((module, name, ours))

    def start_run(self, *args: Any, **kwargs: Any) -> Any:
        """Start a run as MLflow does; one that would stand alone becomes a child of the job's."""
        original = self._originals["start_run"]
        if self._is_elsewhere():
            with _WithoutVariable(_CONTEXT_VARIABLE, self._lock):
                return original(*args, **kwargs)
        given = inspect.signature(original).bind(*args, **kwargs).arguments
        has_active = bool(self._stack())
        run_id = given.get("run_id") or os.environ.get("MLFLOW_RUN_ID")
        if run_id == self._run_id and (not has_active or given.get("nested")):
            os.environ.pop("MLFLOW_RUN_ID", None)
            return self._attach(given.get("tags"))
        if not run_id and not given.get("parent_run_id") and not has_active:
            given["tags"] = {_PARENT_TAG: self._run_id, **(given.get("tags") or {})}
        return original(**given)

    def end_run(self, *args: Any, **kwargs: Any) -> None:
        """End the active run, unless it is the job's: from that one we only part."""
        stack = self._stack()
        if stack and stack[-1].info.run_id != self._run_id:
            self._originals["end_run"](*args, **kwargs)
            return
        if stack:
            stack.pop()
        elif getattr(self._thread, "run", None) is None:
            return
        self._thread.run = None
        self._remember()

    def get_or_start_run(self) -> Any:
        """Return the run that something is logged to: the active one, else the job's."""
        stack = self._stack()
        if stack:
            return stack[-1]
        if self._is_elsewhere():
            return self._originals["_get_or_start_run"]()
        if getattr(self._thread, "run", None) is None:
            self._thread.run = self._fluent.ActiveRun(self._job_run())
            self._was_used = True
        self._remember()
        return self._thread.run

    def active_run(self) -> Any:
        """Return the active run; the job's once this thread has logged to it."""
        active = self._originals["active_run"]()
        if active is None and not self._is_elsewhere():
            return getattr(self._thread, "run", None)
        return active

    def get_latest_active_run(self) -> Any:
        """Return the latest active run of any thread, for traces and prompts."""
        latest = self._originals["_get_latest_active_run"]()
        if latest is None and self._was_used and not self._is_elsewhere():
            return self._fluent.ActiveRun(self._job_run())
        return latest

    def log_param(self, key: str, value: Any, *args: Any, **kwargs: Any) -> Any:
        """Log a parameter; one that the job has set otherwise is kept beside it."""
        name = next(iter(self._without_conflicts({key: value})))
        return self._originals["log_param"](name, value, *args, **kwargs)

    def log_params(
        self,
        params: Mapping[str, Any],
        synchronous: bool | None = None,
        run_id: str | None = None,
    ) -> Any:
        """Log parameters; those that the job has set otherwise are kept beside them."""
        if run_id in {None, self._run_id}:
            params = self._without_conflicts(params)
        kwargs = {} if run_id is None else {"run_id": run_id}
        return self._originals["log_params"](params, synchronous, **kwargs)

    def _without_conflicts(self, params: Mapping[str, Any]) -> dict[str, Any]:
        stack = self._stack()
        logs_elsewhere = (stack and stack[-1].info.run_id != self._run_id) or (
            not stack and self._is_elsewhere()
        )
        if logs_elsewhere or self._parameter_names.isdisjoint(params):
            return dict(params)
        kept = self._job_run().data.params
        renamed: dict[str, Any] = {}
        for key, value in params.items():
            is_other = key in self._parameter_names and kept.get(key, str(value)) != str(value)
            renamed[_NOTEBOOK_PREFIX + key if is_other else key] = value
            if is_other and key not in self._renamed:
                self._renamed.add(key)
                _logger.warning(
                    "The job was given %s=%s; the notebook's %s is logged as %s%s.",
                    *(key, kept[key], value, _NOTEBOOK_PREFIX, key),
                )
        return renamed

    def _attach(self, tags: Mapping[str, Any] | None) -> Any:
        if tags:
            client = self._fluent.MlflowClient()
            for key, value in tags.items():
                client.set_tag(self._run_id, key, value)
        active = self._fluent.ActiveRun(self._job_run())
        self._stack().append(active)
        return active

    def _job_run(self) -> Any:
        with self._lock:
            if self._run is None:
                client = self._fluent.MlflowClient(tracking_uri=self._tracking_uri)
                self._run = client.get_run(self._run_id)
            return self._run

    def _remember(self) -> None:
        # What last_active_run() returns when no run is active.
        self._fluent._last_active_run_id.set(self._run_id)  # noqa: SLF001

    def _stack(self) -> list[Any]:
        stack: list[Any] = self._fluent._active_run_stack.get()  # noqa: SLF001
        return stack

    def _is_elsewhere(self) -> bool:
        return self._current_uri() != self._tracking_uri

    def _current_uri(self) -> str:
        return str(self._mlflow.get_tracking_uri()).rstrip("/")


def _in_place_of(original: Callable[..., Any], ours: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def call(*args: Any, **kwargs: Any) -> Any:
        return ours(*args, **kwargs)

    return call


class _WithoutVariable:
    """Hide a variable of the environment for a moment."""

    def __init__(self, name: str, lock: Any) -> None:
        self._name = name
        self._lock = lock
        self._value: str | None = None

    def __enter__(self) -> None:
        self._lock.acquire()
        self._value = os.environ.pop(self._name, None)

    def __exit__(self, *_: object) -> None:
        if self._value is not None:
            os.environ[self._name] = self._value
        self._lock.release()


def adapt(mlflow: ModuleType, run_id: str, parameter_names: set[str]) -> None:
    """Adapt MLflow, once; a build that only traces has no runs and is left as it is."""
    if "mlflow.tracking.fluent" not in sys.modules or not hasattr(mlflow, "start_run"):
        return
    if not getattr(mlflow, "_rayspace_run_id", None):
        mlflow._rayspace_run_id = run_id  # type: ignore[attr-defined]  # noqa: SLF001
        JobRun(mlflow, run_id, parameter_names).install()


def adapt_on_import() -> None:
    """Adapt MLflow as soon as user code imports it, where the process belongs to a job."""
    run_id = os.environ.get("RAYSPACE_RUN_ID", "")
    if run_id:
        names = set(json.loads(os.environ.get("RAYSPACE_PARAMETER_NAMES") or "[]"))
        after_import("mlflow", functools.partial(adapt, run_id=run_id, parameter_names=names))
