"""Make ``ray.init()`` of a notebook that was prototyped on a laptop work inside a job.

Runs in the user's kernel. There is a cluster already, and the job belongs to it: words that
describe a cluster to start are dropped with one line, and another way to the cluster is replaced by
the job's own. Source: ray/_private/worker.py of Ray 2.60, init().
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from typing import TYPE_CHECKING, Any

from rayspace.runner.worker_setup import install_in_worker

if TYPE_CHECKING:
    from types import ModuleType

#: Words that Ray refuses, or passes over in silence, when it joins a cluster.
LOCAL_ONLY = frozenset(
    {
        *("num_cpus", "num_gpus", "resources", "labels", "object_store_memory", "local_mode"),
        *("include_dashboard", "dashboard_host", "dashboard_port", "enable_resource_isolation"),
        *("cgroup_path", "system_reserved_cpu", "system_reserved_memory", "proxy_server_url"),
        *("allow_multiple", "storage", "_temp_dir", "_memory", "_node_name", "_node_ip_address"),
        *("_plasma_directory", "_object_spilling_directory", "object_spilling_directory"),
        *("_system_config", "_enable_object_reconstruction", "_redis_username"),
        *("_redis_password", "_metrics_export_port", "_tracing_startup_hook", "_credentials"),
    }
)
_logger = logging.getLogger("rayspace")


def adapt(ray: ModuleType) -> None:
    """Adapt ``ray.init``, once, where the process belongs to a job of a cluster."""
    if not os.environ.get("RAY_ADDRESS") or getattr(ray.init, "_rayspace", False):
        return
    original = ray.init
    parameters = inspect.signature(original).parameters

    @functools.wraps(original)
    def init(address: str | None = None, **kwargs: Any) -> Any:
        dropped = sorted(name for name in kwargs if name in LOCAL_ONLY)
        kept = {name: value for name, value in kwargs.items() if name not in LOCAL_ONLY}
        meant = [name for name in dropped if not _is_default(parameters, name, kwargs[name])]
        if address is not None and _is_other_way(address):
            meant.insert(0, f"address={address!r}")
            address = None
        if meant:
            _logger.warning(
                "ray.init: the job's own cluster is used; ignored: %s.", ", ".join(meant)
            )
        if kept.get("runtime_env"):
            kept["runtime_env"] = with_our_part(dict(kept["runtime_env"]))
        return original(address, **kept)

    init._rayspace = True  # type: ignore[attr-defined]  # noqa: SLF001
    ray.init = init  # type: ignore[attr-defined]
    worker = getattr(getattr(ray, "_private", None), "worker", None)
    if worker is not None and getattr(worker, "init", None) is original:
        worker.init = init


def with_our_part(runtime_env: dict[str, Any]) -> dict[str, Any]:
    """Keep workers able to load this package beside what the notebook asks for.

    Parameters
    ----------
    runtime_env
        As the notebook gave it to ``ray.init``; it counts more than the job's.

    Returns
    -------
    dict
        The same, with our directory on the path and our hook before the notebook's.
    """
    env_vars = dict(runtime_env.get("env_vars") or {})
    ours = os.environ.get("RAYSPACE_RUNNER_PATH", "")
    if ours and "PYTHONPATH" in env_vars:
        env_vars["PYTHONPATH"] = os.pathsep.join([ours, env_vars["PYTHONPATH"]])
    package = os.environ.get("RAYSPACE_RUNNER_PACKAGE", "")
    if package and runtime_env.get("py_modules"):
        runtime_env["py_modules"] = [package, *runtime_env["py_modules"]]
    hook = runtime_env.pop("worker_process_setup_hook", None)
    if isinstance(hook, str):
        env_vars["RAYSPACE_NEXT_HOOK"] = hook
    elif hook is not None:
        runtime_env["worker_process_setup_hook"] = _both(hook)
    if env_vars:
        runtime_env["env_vars"] = env_vars
    return runtime_env


def _both(hook: Any) -> Any:
    def set_up() -> None:
        install_in_worker()
        hook()

    return set_up


def _is_other_way(address: str) -> bool:
    return address == "local" or "://" in address


def _is_default(parameters: Any, name: str, value: Any) -> bool:
    known = parameters.get(name)
    return value is None or (known is not None and known.default == value)
