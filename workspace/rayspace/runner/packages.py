"""Record which packages the notebook ran with: those of its kernel's Python, not of ours."""

from __future__ import annotations

import json
import subprocess
import threading
from typing import TYPE_CHECKING

from rayspace.model.run import Artifact, Tag

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from rayspace.runner.log import RunnerLog
    from rayspace.runner.spool import Spool

#: Reading the metadata of hundreds of packages from a cold disk. [s]
_TIMEOUT_S = 60.0
_PROGRAM = """
import importlib.metadata, json, platform
found = {}
for item in importlib.metadata.distributions():
    name = item.metadata["Name"]
    if name and name not in found:
        found[name] = item.version
print(json.dumps({"python": platform.python_version(), "packages": found}))
"""
_VERSION_TAGS = {"ray": Tag.RAY_VERSION, "mlflow": Tag.MLFLOW_VERSION}


class PackageList:
    """Asks the kernel's Python, beside the kernel's start.

    Parameters
    ----------
    spool
        Where the list is kept until it is stored.
    tell
        Takes tags for the run.
    log
        Takes what people should know.
    """

    def __init__(
        self, spool: Spool, tell: Callable[[dict[str, str]], None], log: RunnerLog
    ) -> None:
        self._spool = spool
        self._tell = tell
        self._log = log
        self._thread: threading.Thread | None = None

    def start(self, python: str, environment: Mapping[str, str]) -> None:
        """Begin to ask.

        Parameters
        ----------
        python
            The kernel's Python.
        environment
            The kernel's environment.
        """
        self._thread = threading.Thread(
            target=self._work, args=(python, dict(environment)), name="rayspace-packages"
        )
        self._thread.daemon = True
        self._thread.start()

    def wait(self, timeout_s: float) -> None:
        """Wait for the answer. [s]"""
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _work(self, python: str, environment: dict[str, str]) -> None:
        try:
            answer = subprocess.run(
                [python, "-c", _PROGRAM],
                env=environment,
                capture_output=True,
                timeout=_TIMEOUT_S,
                check=True,
            )
            found = json.loads(answer.stdout)
            path = packages_path(self._spool)
            path.parent.mkdir(exist_ok=True)
            self._spool.write(path, packages_text(found["packages"]).encode())
        except (OSError, subprocess.SubprocessError, ValueError, KeyError) as exc:
            self._log.line(f"rayspace: the kernel's packages could not be listed: {exc}")
            return
        packages = {name.lower(): version for name, version in found["packages"].items()}
        packages.setdefault("mlflow", packages.get("mlflow-skinny", ""))
        versions = {tag: packages.get(name, "") for name, tag in _VERSION_TAGS.items()}
        self._tell({Tag.PYTHON_VERSION: found["python"], **versions})


def packages_path(spool: Spool) -> Path:
    """Return where the list is kept, under the name that it has in the run."""
    return spool.directory / Artifact.PACKAGES


def packages_text(packages: Mapping[str, str]) -> str:
    """Return a list of packages as a file: ``name==version``, sorted as pip sorts."""
    names = sorted(packages, key=lambda name: (name.lower(), name))
    return "".join(f"{name}=={packages[name]}\n" for name in names)


def kernel_python(kernel_name: str) -> str:
    """Return the Python that a kernel runs on, as Jupyter would start it."""
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name=kernel_name)
    return str(manager.format_kernel_cmd()[0])
