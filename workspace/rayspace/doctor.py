"""Look for what could keep clusters and jobs from working, and say what helps."""

from __future__ import annotations

import asyncio
import importlib.metadata
import importlib.util
import platform
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import psutil

from rayspace.errors import RayspaceError
from rayspace.gateways.python.kernels import find_kernel
from rayspace.loop import in_thread
from rayspace.model.check import Check
from rayspace.model.cluster import ClusterPhase
from rayspace.units import format_bytes, format_count

if TYPE_CHECKING:
    from rayspace.app import App

#: Ray and a notebook need about 1 GiB resident; below this the system starts to kill. [bytes]
_MEMORY_WANTED_BYTES = 2 * 2**30
#: Ray warns at 95 % of a full disk and spills objects to it. [bytes]
_DISK_WANTED_BYTES = 2 * 2**30


async def examine(app: App) -> list[Check]:
    """Look at everything that a laptop needs.

    Parameters
    ----------
    app
        The services.

    Returns
    -------
    list of Check
        What was found, one for each thing.
    """
    clusters = asyncio.create_task(_clusters(app))
    local = await in_thread(_local, app)
    return [*local, *await clusters]


def _local(app: App) -> list[Check]:
    return [
        Check("python", "ok", f"Python {platform.python_version()} at {sys.executable}"),
        *_packages(),
        _kernel(),
        _memory(),
        _disk("temporary files", Path("/tmp")),  # noqa: S108  where Ray keeps its sockets
        _disk("project", app.project),
        _writable("state", app.state_dir),
        _tracking(app),
        _kubeconfig(app),
    ]


def _kubeconfig(app: App) -> Check:
    n_targets = sum(target.source not in {"machine", "simulated"} for target in app.targets())
    if app.kube_trouble is not None:
        return Check("kubeconfig", "problem", app.kube_trouble.message, app.kube_trouble.hint)
    return Check("kubeconfig", "ok", f"{format_count(n_targets, 'target')} on Kubernetes")


def _packages() -> list[Check]:
    checks = []
    for name in ("ray", "papermill", "mlflow", "jupyterlab"):
        # Of the distribution, not the module: mlflow-skinny brings a module of the same name.
        try:
            checks.append(Check(name, "ok", f"{name} {importlib.metadata.version(name)}"))
        except importlib.metadata.PackageNotFoundError:
            hint = "Install what a laptop needs: pip install 'rayspace[local]'"
            checks.append(Check(name, "problem", f"{name} is not installed", hint))
    return checks


def _kernel() -> Check:
    if importlib.util.find_spec("ipykernel") is None:
        hint = "Install it: pip install ipykernel"
        return Check("kernel", "problem", "No Python kernel is installed here", hint)
    return Check("kernel", "ok", f"kernel {find_kernel(sys.executable, 'python3').name}")


def _memory() -> Check:
    free_bytes = psutil.virtual_memory().available
    text = f"{format_bytes(free_bytes)} of memory are free"
    if free_bytes < _MEMORY_WANTED_BYTES:
        return Check("memory", "warning", text, "Close other programs before you start Ray.")
    return Check("memory", "ok", text)


def _disk(name: str, path: Path) -> Check:
    usage = shutil.disk_usage(path)
    text = f"{format_bytes(usage.free)} are free for {path}"
    if usage.free < _DISK_WANTED_BYTES:
        return Check(name, "warning", text, "Ray needs some for objects and logs; free some space.")
    return Check(name, "ok", text)


def _writable(name: str, path: Path) -> Check:
    probe = path / ".doctor"
    try:
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as exc:
        hint = "Make it writable, or set RAYSPACE_STATE_DIR."
        return Check(name, "problem", f"{path} can't be written: {exc.strerror}", hint)
    return Check(name, "ok", f"records are kept in {path}")


def _tracking(app: App) -> Check:
    try:
        app.runs.check()
    except RayspaceError as exc:
        return Check("tracking", "problem", exc.message, exc.hint)
    except ModuleNotFoundError as exc:
        hint = "A database needs all of MLflow: pip install 'rayspace[local]'"
        return Check("tracking", "problem", f"{exc.name} is not installed", hint)
    return Check("tracking", "ok", f"runs are kept at {app.runs.tracking_uri}")


async def _clusters(app: App) -> list[Check]:
    try:
        found = await app.clusters.list()
    except RayspaceError as exc:
        return [Check("clusters", "problem", exc.message, exc.hint)]
    checks = []
    for state in found:
        text = f"{state.name} is {state.phase.value}. {state.reason}".strip()
        hint = f"Remove what is left of it: rayspace cluster down {state.name}"
        healthy = state.phase in {ClusterPhase.READY, ClusterPhase.STARTING}
        checks.append(
            Check("cluster", "ok" if healthy else "warning", text, "" if healthy else hint)
        )
    return checks
