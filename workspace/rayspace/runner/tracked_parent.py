"""Let tasks of a tracked notebook find the run that it is tracked in.

The notebook was connected to Ray before anybody thought of tracking, so its workers can't be told
by their environment. Ray's own store tells them, under Ray's id of the notebook: it is the
cluster's, so it holds no secret. Standard library only; runs in Ray's workers.
"""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMESPACE = b"rayspace"
_PREFIX = "tracked:"


def announce(parent: Mapping[str, str]) -> str:
    """Tell tasks of this process which run they belong to.

    Parameters
    ----------
    parent
        Its ``run_id``, ``experiment_id``, ``tracking_uri`` and, for workers of this machine, the
        file of ``credentials``.

    Returns
    -------
    str
        Where it was told, for `withdraw`; empty while Ray is not connected.
    """
    key = _key()
    if key:
        from ray.experimental import internal_kv

        content = json.dumps(dict(parent)).encode()
        internal_kv._internal_kv_put(key, content, overwrite=True, namespace=_NAMESPACE)  # noqa: SLF001
    return key


def withdraw(key: str) -> None:
    """Tell it no more, where Ray is still connected as it was."""
    if key and key == _key():
        from ray.experimental import internal_kv

        internal_kv._internal_kv_del(key, namespace=_NAMESPACE)  # noqa: SLF001


def find() -> dict[str, str]:
    """Return what the notebook told that this task belongs to; empty where it told nothing."""
    key = _key()
    if not key:
        return {}
    from ray.experimental import internal_kv

    content = internal_kv._internal_kv_get(key, namespace=_NAMESPACE)  # noqa: SLF001
    found = json.loads(content) if content else {}
    return {str(name): str(value) for name, value in found.items()}


def connected_ray() -> Any:
    """Return Ray, where this process is connected to one; else None."""
    ray = sys.modules.get("ray")
    is_connected = ray is not None and hasattr(ray, "is_initialized") and ray.is_initialized()
    return ray if is_connected else None


def _key() -> str:
    ray = connected_ray()
    return "" if ray is None else _PREFIX + str(ray.get_runtime_context().get_job_id())
