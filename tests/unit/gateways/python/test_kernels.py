"""Kernels as their specs tell them, and the Python that they start."""

from __future__ import annotations

import json
import sys

import pytest

from rayspace.errors import KernelNotFoundError, MissingExtraError, VersionMismatchError
from rayspace.gateways.python import kernels
from rayspace.gateways.python.kernels import check_python, find_kernel, find_mlflow, probe

RAY = probe(sys.executable)["ray"]


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Install kernels of the person's own by the text of their specs."""
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))

    def call(name: str, text: str) -> None:
        folder = tmp_path / "kernels" / name
        folder.mkdir(parents=True)
        (folder / "kernel.json").write_text(text, "utf-8")

    return call


@pytest.mark.parametrize(
    "argv",
    [
        ["bash", "-c", "exec python -m ipykernel_launcher -f {connection_file}"],
        ["env", "X=1", "python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
        ["conda", "run", "-n", "torch", "python", "-m", "ipykernel_launcher"],
        ["/opt/kernels/start-python.sh", "{connection_file}"],
    ],
)
def test_a_kernel_behind_a_launcher_is_let_through(install, argv) -> None:
    """Which Python it ends in, and so which Ray it has, can't be told."""
    install("mine", json.dumps({"argv": argv, "display_name": "mine", "language": "python"}))
    kernel = find_kernel(sys.executable, "mine")
    assert kernel.argv == tuple(argv)
    check_python(sys.executable, kernel, "0.0.0")


@pytest.mark.parametrize("name", ["python", "python3.11", "python3"])
def test_a_kernel_of_another_interpreter_is_asked_for_its_ray(install, tmp_path, name) -> None:
    """A full path is asked for itself, whatever number is in its name."""
    program = tmp_path / name
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
    program.chmod(0o700)
    install("mine", json.dumps({"argv": [str(program), "-m", "ipykernel_launcher"]}))
    kernel = find_kernel(sys.executable, "mine")
    check_python(sys.executable, kernel, RAY)
    with pytest.raises(VersionMismatchError, match=r"the cluster has Ray 0\.0\.0"):
        check_python(sys.executable, kernel, "0.0.0")


def test_a_bare_python_is_that_of_the_cluster(install) -> None:
    """As Jupyter takes it."""
    install("mine", json.dumps({"argv": ["python", "-m", "x"], "env": {"A": 1}}))
    kernel = find_kernel(sys.executable, "mine")
    assert (kernel.argv[0], kernel.env) == (sys.executable, {"A": "1"})


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"argv": []}', "argv is no list of words"),
        ('{"argv": "python -m ipykernel_launcher"}', "argv is no list of words"),
        ('{"argv": [1]}', "argv is no list of words"),
        ("{}", "argv is no list of words"),
        ('{"argv": ["python"], "env": ["A=1"]}', "env is no mapping"),
        ("[]", "it is no mapping"),
        ('{"argv"', "Expecting"),
    ],
)
def test_a_broken_spec_is_told_with_what_is_wrong(install, text, why) -> None:
    """The file is named, and kernels that can be chosen; others are not disturbed."""
    install("broken", text)
    with pytest.raises(KernelNotFoundError, match="spec that can't be used") as caught:
        find_kernel(sys.executable, "broken")
    assert why in caught.value.message
    assert "broken/kernel.json" in caught.value.message
    assert "python3" in caught.value.hint
    assert find_kernel(sys.executable, "python3").language == "python"


def test_an_unknown_kernel_is_told_with_the_nearest() -> None:
    """A slip of the pen, mostly."""
    with pytest.raises(KernelNotFoundError, match="no Jupyter kernel 'pyton3'") as caught:
        find_kernel(sys.executable, "pyton3")
    assert "python3" in caught.value.hint


@pytest.fixture
def pythons(tmp_path, monkeypatch):
    """Have this Python lack all but the small MLflow, and make others that say what they have."""
    monkeypatch.setattr(kernels.importlib.util, "find_spec", lambda _name: None)

    def call(name: str, version: str) -> str:
        path = tmp_path / name / "python3"
        path.parent.mkdir()
        told = json.dumps({"python": "3.11.2", "mlflow": version})
        path.write_text(f"#!/bin/sh\necho '{told}'\n")
        path.chmod(0o755)
        return str(path)

    return call


def test_the_mlflow_of_a_kernel_is_found(install, pythons):
    """That of the notebook's kernel first; what has none and what does not run is passed over."""
    small, whole, other = pythons("small", ""), pythons("whole", "3.17.2"), pythons("other", "3.9")
    for name, python in (("a", "/nowhere/python3"), ("b", small), ("c", whole)):
        install(name, json.dumps({"argv": [python, "-f", "x"], "language": "python"}))
    assert find_mlflow() == whole
    assert find_mlflow(other) == other
    assert find_mlflow(small) == whole


def test_without_any_the_command_that_brings_it_is_told(install, pythons):
    install("b", json.dumps({"argv": [pythons("small", ""), "-f", "x"], "language": "python"}))
    with pytest.raises(MissingExtraError) as caught:
        find_mlflow()
    assert "rayspace[local]" in str(caught.value.hint)
