"""A survey asks the notebook's Python and the files here, and lets editable installs travel."""

from __future__ import annotations

import json
import os
import sys
import tarfile
from typing import TYPE_CHECKING

import pytest

from rayspace.core.notebooks.notebook import read_notebook
from rayspace.errors import VersionMismatchError
from rayspace.gateways.project.archive import pack
from rayspace.gateways.project.workfiles import plan_bundle
from rayspace.gateways.python.distributions import installed_packages
from rayspace.gateways.python.package_survey import ProjectPackages
from rayspace.gateways.python.pythons import is_interpreter, is_same_python
from rayspace.model.packages import PackagesMode

if TYPE_CHECKING:
    from pathlib import Path

AUTO, IMAGE, SYNC = PackagesMode


def write_notebook(path: Path, source: str, kernel: str = "python3", language: str = "python"):
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": source,
    }
    spec = {"name": kernel, "display_name": kernel, "language": language}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({**document, "cells": [cell]}))
    return read_notebook(path.read_bytes(), name=path.name)


def install(site: Path, name: str, version: str, *, editable: Path | None = None, **files: str):
    """Write a package as an installer leaves it."""
    info = site / f"{name}-{version}.dist-info"
    info.mkdir(parents=True)
    needs = "".join(f"Requires-Dist: {text}\n" for text in files.pop("requires", "").split())
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}\nName: not this\n"
    )
    record = ""
    for module, text in files.items():
        (site / f"{module}.py").write_text(text)
        record += f"{module}.py,,\n"
    (info / "RECORD").write_text(record)
    if editable is not None:
        said = {"url": editable.as_uri(), "dir_info": {"editable": True}}
        (info / "direct_url.json").write_text(json.dumps(said))


@pytest.fixture
def site(tmp_path, monkeypatch):
    """Return a directory with packages of this Python, and let it find editable ones."""
    folder = tmp_path / "site"
    folder.mkdir()
    paths = [folder, tmp_path / "lib" / "src", tmp_path / "lab" / "src"]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(map(str, paths)))
    return folder


def survey(lab: Path, source: str, mode: PackagesMode = AUTO, python: str = "", **more: str):
    notebook = write_notebook(lab / "work" / "n.ipynb", source, **more)
    bundle = plan_bundle(lab, lab / "work" / "n.ipynb")
    return ProjectPackages().survey(mode, notebook, bundle, python)


def test_versions_are_those_of_the_kernel_s_python(site, tmp_path) -> None:
    install(site, "rs-alpha", "1.5", rs_alpha="")
    done = survey(tmp_path / "lab", "import rs_alpha")
    assert [item.text for item in done.plan.requirements] == ["rs-alpha==1.5"]
    assert done.plan.kernel_python == ""
    assert done.warnings == ()
    assert done.lines[0].endswith("where the image lacks them: rs-alpha==1.5.")
    assert [file.path for file in done.bundle.files] == ["work/n.ipynb"]


def test_a_kernel_that_only_the_cluster_has_is_no_obstacle(site, tmp_path) -> None:
    done = survey(tmp_path / "lab", "import nothing_here", kernel="theirs")
    assert done.warnings[0].startswith("The kernel 'theirs' is not on this machine: versions of")
    assert [item.text for item in done.plan.requirements] == ["nothing_here"]


def test_another_python_on_this_machine_stays_as_it_is(site, tmp_path) -> None:
    link = tmp_path / "other" / "bin" / "python"
    link.parent.mkdir(parents=True)
    link.symlink_to(sys.executable)
    kernels = tmp_path / "other" / "share" / "jupyter" / "kernels" / "mine"
    kernels.mkdir(parents=True)
    spec = {"argv": [sys.executable, "-m", "ipykernel_launcher"], "language": "python"}
    (kernels / "kernel.json").write_text(json.dumps(spec))
    done = survey(tmp_path / "lab", "import yaml", python=str(link), kernel="mine")
    assert done.plan.kernel_python == sys.executable
    assert done.lines[0] == (
        f"The notebook runs with {sys.executable}, whose packages stay as they are."
    )
    # A kernel that a launcher starts has the Python that is known.
    spec["argv"] = ["/bin/conda", "run", "python"]
    (kernels / "kernel.json").write_text(json.dumps(spec))
    done = survey(tmp_path / "lab", "import yaml", python=sys.executable)
    assert done.plan.kernel_python == ""


def test_sync_takes_the_nearest_file_with_versions(site, tmp_path) -> None:
    install(site, "rs-alpha", "1.5", rs_alpha="", requires="rs-beta")
    install(site, "rs-beta", "1.1")
    lab = tmp_path / "lab"
    (lab / "work").mkdir(parents=True)
    (lab / "pyproject.toml").write_text("")
    (lab / "requirements.txt").write_text("rs-alpha==1.0\nrs-beta==1.0\n")
    done = survey(lab, "import rs_alpha", SYNC)
    assert [item.text for item in done.plan.requirements] == ["rs-alpha==1.0"]
    assert done.plan.constraints == ("rs-beta==1.0",)
    assert done.plan.pins_from == "requirements.txt"
    (lab / "work" / "requirements.txt").write_text("rs-alpha==0.9\n")
    done = survey(lab, "import rs_alpha", SYNC)
    assert [item.text for item in done.plan.requirements] == ["rs-alpha==0.9"]
    assert done.plan.constraints == ("rs-beta==1.1",)
    assert done.plan.pins_from == "work/requirements.txt"
    # Nothing but sync looks at them.
    assert survey(lab, "import rs_alpha").plan.requirements[0].text == "rs-alpha==1.5"


def test_an_editable_install_from_elsewhere_is_packed_with_the_project(site, tmp_path) -> None:
    """With what its own ignore files leave out, and without keys and caches."""
    source = tmp_path / "lib" / "src" / "mine"
    (source / "__pycache__").mkdir(parents=True)
    (source / "deep").mkdir()
    for name in ("__init__.py", "_version.py", "deep/data.txt", ".env", "__pycache__/x.pyc"):
        (source / name).write_text(name)
    (tmp_path / "lib" / ".gitignore").write_text("_version.py\n")
    install(site, "mine", "0.1", editable=tmp_path / "lib", requires="rs-alpha")
    install(site, "rs-alpha", "1.5", rs_alpha="")
    done = survey(tmp_path / "lab", "import mine")
    folder = ".rayspace-editable/mine/mine"
    added = {file.path: file for file in done.bundle.files if file.source}
    assert list(added) == [
        f"{folder}/__init__.py",
        f"{folder}/_version.py",
        f"{folder}/deep/data.txt",
    ]
    assert done.plan.source_dirs == (".rayspace-editable/mine",)
    assert [item.text for item in done.plan.requirements] == ["rs-alpha==1.5"]
    packed = pack(done.bundle, tmp_path / "bundle.tar.gz")
    with tarfile.open(packed.path) as archive:
        content = archive.extractfile(f"{folder}/deep/data.txt")
        assert content is not None
        assert content.read() == b"deep/data.txt"


def test_of_an_editable_install_inside_the_project_ignored_modules_travel_too(
    site, tmp_path
) -> None:
    lab = tmp_path / "lab"
    source = lab / "src" / "mine"
    source.mkdir(parents=True)
    for name in ("_version.py", "notes.md"):
        (source / name).write_text("")
    (source / "__init__.py").write_text("import rs_alpha")
    (lab / "pyproject.toml").write_text("")
    (lab / ".gitignore").write_text("_version.py\nnotes.md\n")
    install(site, "mine", "0.1", editable=lab)
    install(site, "rs-alpha", "1.5", rs_alpha="")
    done = survey(lab, "import mine")
    paths = {file.path: file.source for file in done.bundle.files}
    assert paths["src/mine/__init__.py"] == ""
    assert paths["src/mine/_version.py"] == str(source / "_version.py")
    assert "src/mine/notes.md" not in paths
    assert done.plan.source_dirs == ("src",)
    # What it imports itself is followed.
    assert [item.text for item in done.plan.requirements] == ["rs-alpha==1.5"]


def test_a_module_of_one_file_travels(site, tmp_path) -> None:
    (tmp_path / "lib" / "src").mkdir(parents=True)
    (tmp_path / "lib" / "src" / "single.py").write_text("")
    install(site, "single", "0.1", editable=tmp_path / "lib")
    done = survey(tmp_path / "lab", "import single")
    assert done.bundle.files[0].path == ".rayspace-editable/single/single.py"


def test_other_languages_need_what_the_runner_needs(tmp_path) -> None:
    done = survey(tmp_path / "lab", "using X", language="julia", kernel="julia-1.11")
    assert done.plan.requirements == ()
    assert "papermill>=2.7" in done.lines[1]


def test_a_python_that_does_not_answer_is_said(tmp_path) -> None:
    with pytest.raises(VersionMismatchError, match="does not say which packages it has"):
        installed_packages(str(tmp_path / "python"), ["x"])


def test_pythons_are_told_apart_by_where_they_are(tmp_path) -> None:
    """Two virtual environments have links to one program."""
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "python").symlink_to(sys.executable)
    (tmp_path / "a" / "python3").symlink_to("python")
    a, b = str(tmp_path / "a" / "python"), str(tmp_path / "b" / "python")
    assert is_same_python(a, str(tmp_path / "a" / "python3"))
    assert not is_same_python(a, b)
    assert is_interpreter("/usr/bin/python3.11")
    assert not is_interpreter("/bin/conda")
