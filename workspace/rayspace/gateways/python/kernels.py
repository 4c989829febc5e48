"""Find the Jupyter kernel that a notebook asks for, and what its Python has, without starting it.

Server, terminal and kernel may be three Pythons, so versions are asked of the kernel's. Sources:
jupyter_client/kernelspec.py for where kernels are found.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

from rayspace.errors import KernelNotFoundError, MissingExtraError, VersionMismatchError
from rayspace.gateways.python.pythons import is_interpreter
from rayspace.model.kernel import KernelSpec
from rayspace.names import nearest

#: Kernel that ipykernel brings without a kernel.json. Source: ipykernel/kernelspec.py.
NATIVE = "python3"
#: An interpreter that only reads metadata answers in a tenth of this. [s]
_PROBE_TIMEOUT_S = 30
_PROBE = """
import importlib.metadata, json, platform, sys
def version(name):
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""
names = ("ray", "papermill", "ipykernel", "mlflow", "mlflow-skinny")
print(json.dumps({"python": platform.python_version(), **{n: version(n) for n in names}}))
"""


def _kernel_dirs(python: str) -> list[Path]:
    from jupyter_core.paths import jupyter_path

    own = [Path(path) for path in jupyter_path("kernels")]
    prefix = Path(python).parent.parent
    return own if python == sys.executable else [prefix / "share" / "jupyter" / "kernels", *own]


def find_kernel(python: str, name: str) -> KernelSpec:
    """Find a kernel as a program of that interpreter would.

    Parameters
    ----------
    python
        The interpreter that runs the job.
    name
        The kernel's name.

    Returns
    -------
    KernelSpec
        The kernel.

    Raises
    ------
    KernelNotFoundError
        If there is none of that name; names the nearest.
    """
    known, broken = _kernels_of(python)
    if name in known:
        return known[name]
    likely = nearest(name, known) or sorted(known)
    if name in broken:
        message = f"The Jupyter kernel {name!r} has a spec that can't be used: {broken[name]}."
    else:
        message = f"There is no Jupyter kernel {name!r} where the job would run."
    raise KernelNotFoundError(
        message,
        hint=f"Kernels there: {', '.join(likely)}. "
        "Choose one in JupyterLab's kernel menu and save the notebook.",
        details={"kernel_name": name, "known": sorted(known)},
    )


def _kernels_of(python: str) -> tuple[dict[str, KernelSpec], dict[str, str]]:
    """Return the kernels that an interpreter finds, and what is wrong with those it can't use."""
    known = {NATIVE: KernelSpec(NATIVE, "python", (python,))}
    broken: dict[str, str] = {}
    for directory in reversed(_kernel_dirs(python)):
        for path in sorted(directory.glob("*/kernel.json")):
            own = path.parent.name.lower()
            try:
                known[own] = _read_spec(path, python)
                broken.pop(own, None)
            except (OSError, ValueError) as exc:
                # Jupyter passes over a broken spec as well.
                broken[own] = f"{path}: {exc}"
    return known, broken


def _read_spec(path: Path, python: str) -> KernelSpec:
    data = json.loads(path.read_text("utf-8"))
    if not isinstance(data, dict):
        raise ValueError("it is no mapping")  # noqa: TRY004  one error for whatever is wrong in it
    argv, env = data.get("argv"), data.get("env") or {}
    if not (isinstance(argv, list) and argv and all(isinstance(word, str) for word in argv)):
        raise ValueError("argv is no list of words")
    if not isinstance(env, dict):
        raise ValueError("env is no mapping")  # noqa: TRY004  as above
    if argv[0] in {"python", "python3"}:
        # As jupyter_client does: a bare python means the one that starts the kernel.
        argv[0] = python
    language = str(data.get("language", "python")).lower()
    values = {str(key): str(value) for key, value in env.items()}
    return KernelSpec(path.parent.name.lower(), language, tuple(argv), values)


def probe(python: str) -> dict[str, str]:
    """Ask an interpreter for its version and those of the packages a job needs.

    Parameters
    ----------
    python
        Path of the interpreter.

    Returns
    -------
    dict of str to str
        Versions by name, empty where a package is missing.

    Raises
    ------
    VersionMismatchError
        If the interpreter does not run.
    """
    env = {name: value for name, value in os.environ.items() if name != "PYTHONSTARTUP"}
    try:
        answer = subprocess.run(
            [python, "-c", _PROBE],
            capture_output=True,
            text=True,
            timeout=_PROBE_TIMEOUT_S,
            check=True,
            env=env,
        )
        return {str(key): str(value) for key, value in json.loads(answer.stdout).items()}
    except (OSError, subprocess.SubprocessError, ValueError) as exc:
        raise VersionMismatchError(
            f"The interpreter {python} does not run.",
            hint="Repair the environment, or start a cluster from another: rayspace cluster up",
            details={"python": python},
        ) from exc


def find_mlflow(named: str = "") -> str:
    """Find a Python that has all of MLflow, which alone can read a database of runs.

    Parameters
    ----------
    named
        The Python of a notebook's kernel; empty where nobody named one.

    Returns
    -------
    str
        This one if it has; else the one that is named, or that of a kernel of this machine.

    Raises
    ------
    MissingExtraError
        If none of them has.
    """
    if importlib.util.find_spec("sqlalchemy") is not None:
        return sys.executable
    known, _ = _kernels_of(sys.executable)
    programs = [spec.argv[0] for spec in known.values() if spec.language == "python"]
    others = dict.fromkeys([named, *filter(is_interpreter, programs)])
    for python in others:
        if python in {"", sys.executable}:
            continue
        with contextlib.suppress(VersionMismatchError):
            if probe(python)["mlflow"]:
                return python
    raise MissingExtraError("mlflow")


def check_python(python: str, kernel: KernelSpec, ray_version: str) -> None:
    """Check that a job's runner and its kernel can work on a cluster.

    Parameters
    ----------
    python
        The interpreter that runs the job.
    kernel
        The notebook's kernel.
    ray_version
        Ray's version on the cluster.

    Raises
    ------
    VersionMismatchError
        If a package is missing or Ray's versions differ.
    """
    runner = probe(python)
    missing = [name for name in ("papermill", "ipykernel") if not runner[name]]
    if not runner["mlflow"] and not runner["mlflow-skinny"]:
        missing.append("mlflow")
    if missing:
        raise VersionMismatchError(
            f"The cluster's Python {python} lacks {', '.join(missing)}, which running a "
            "notebook needs.",
            hint=f"Install them there: {shlex.quote(python)} -m pip install {' '.join(missing)}",
            details={"python": python, "missing": missing},
        )
    program = kernel.argv[0]
    if kernel.language != "python":
        return
    if program != python and not is_interpreter(program):
        # Started by conda, env, a shell or a script: which Python that ends in can't be told.
        return
    theirs = runner if program == python else probe(program)
    if theirs["ray"] and ray_version and theirs["ray"] != ray_version:
        raise VersionMismatchError(
            f"The kernel {kernel.name!r} has Ray {theirs['ray']}, the cluster has "
            f"Ray {ray_version}.",
            hint=f"Install the same there: {shlex.quote(program)}"
            f" -m pip install 'ray=={ray_version}'",
            details={"kernel_ray_version": theirs["ray"], "cluster_ray_version": ray_version},
        )


class Kernels:
    """The real side of `KernelGateway`."""

    def find(self, python: str, name: str) -> KernelSpec:
        """Find a kernel; see `find_kernel`."""
        return find_kernel(python, name)

    def check(self, python: str, kernel: KernelSpec, ray_version: str) -> None:
        """Check that a job can run with them; see `check_python`."""
        check_python(python, kernel, ray_version)
