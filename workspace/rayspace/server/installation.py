"""What is answered about this installation: versions, what is wrong, and how a kernel is asked."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.extras import missing_extras
from rayspace.loop import in_thread
from rayspace.model.target import LOCAL
from rayspace.server.contract import WIRE_VERSION
from rayspace.this_machine import versions_here
from rayspace.version import __version__

if TYPE_CHECKING:
    from rayspace.server.ask import Ask

#: Name of the panel's package, and of its folder among Jupyter's extensions.
LABEXTENSION = "rayspace"
MIME_TYPE = "application/vnd.rayspace.kernel+json"
#: What a kernel runs to say what it has. It imports nothing that is not there already, leaves no
#: name behind, and works on every Python 3.
KERNEL_PROBE = f"""
def _rayspace_probe():
    import platform, sys
    from importlib import metadata
    from IPython.display import display

    def version(name):
        try:
            return metadata.version(name)
        except metadata.PackageNotFoundError:
            return ""

    answer = {{
        "python": sys.executable,
        "python_version": platform.python_version(),
        "ray_version": version("ray"),
        "rayspace_version": version("rayspace"),
    }}
    display({{"{MIME_TYPE}": answer}}, raw=True)

try:
    _rayspace_probe()
finally:
    del _rayspace_probe
"""


async def get_health(ask: Ask) -> Any:
    """Return versions, and what is wrong with the installation."""
    ray_version, python_version = versions_here()
    panel = await in_thread(_labextension_version)
    return {
        "rayspace_version": __version__,
        "wire_version": WIRE_VERSION,
        "labextension_version": panel,
        "jupyter_server_version": importlib.metadata.version("jupyter_server"),
        "python_version": python_version or platform.python_version(),
        "python": sys.executable,
        "ray_version": ray_version,
        "project": ask.app.project,
        "project_path": ask.workspace.apps.path_of(ask.app.project),
        "root_dir": ask.workspace.apps.root,
        "problems": list(_problems(panel)),
    }


async def list_problems(ask: Ask) -> Any:
    """Return what a doctor finds, on this machine or on a target."""
    target = ask.query.get("target") or LOCAL
    with missing_extras():
        if target == LOCAL:
            from rayspace.doctor import examine

            return {"checks": list(await examine(ask.app))}
        from rayspace.doctor_target import examine_target

        return {"checks": list(await examine_target(ask.app, target))}


async def get_kernel_probe(ask: Ask) -> Any:
    """Return the code that asks a kernel for its versions."""
    return {"code": KERNEL_PROBE, "mime_type": MIME_TYPE}


def _labextension_version() -> str:
    """Return the version of the panel that JupyterLab would load; empty for none."""
    from jupyter_core.paths import jupyter_path

    for folder in jupyter_path("labextensions"):
        path = Path(folder) / LABEXTENSION / "package.json"
        try:
            return str(json.loads(path.read_text("utf-8"))["version"])
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return ""


def _problems(panel: str) -> list[dict[str, Any]]:
    found = []
    if not panel:
        found.append(
            _problem(
                "labextension_missing",
                "The panel is not installed in this JupyterLab.",
                f"In its environment: pip install --force-reinstall rayspace=={__version__}",
            )
        )
    elif panel != __version__:
        found.append(
            _problem(
                "labextension_differs",
                f"The panel is of version {panel}, the server's half of {__version__}.",
                "Restart Jupyter and reload the page after:"
                f" pip install --force-reinstall rayspace=={__version__}",
            )
        )
    if importlib.util.find_spec("jupyter_server_proxy") is None:
        found.append(
            _problem(
                "proxy_missing",
                "Dashboards can't be shown: jupyter-server-proxy is not installed.",
                "Restart Jupyter and reload the page after: pip install 'rayspace[jupyter]'",
            )
        )
    return found


def _problem(code: str, message: str, hint: str) -> dict[str, Any]:
    return {"code": code, "message": message, "hint": hint, "details": {}}
