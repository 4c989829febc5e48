"""What is installed for a job that lacks packages, with pip and with uv, from a real index."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from rayspace.model.packages import PackagePlan, PackagesMode, Requirement
from rayspace.runner.installation import Installing
from tests.runner.package_index import served, write_index

ALPHA = Requirement("rs_alpha", "rs-alpha==1.0", source="cell 1")
SYNC = PackagesMode.SYNC


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    root = tmp_path_factory.mktemp("index")
    write_index(root)
    with served(root) as url:
        yield url


def _environment() -> dict[str, str]:
    """Return ours without what this machine says to pip, which a job would heed."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "UV_"))
    }


@pytest.fixture(params=["pip", "uv"])
def tool(request):
    """Return the variables that choose one of the tools."""
    if request.param == "uv":
        if not (shutil.which("uv") or Path(sys.executable).with_name("uv").exists()):
            pytest.skip("There is no uv on the PATH: pip install uv.")
        # pip is taken where somebody set it up, as this machine's owner may have.
        return {"UV_NO_CACHE": "1", "PIP_CONFIG_FILE": os.devnull}
    return {"PIP_NO_CACHE_DIR": "1", "PIP_FIND_LINKS": "/nonexistent"}


@pytest.fixture
def install(tool, index, tmp_path):
    """Return what installs for a plan, and what it said."""

    def call(plan, *, url=index, directory=tmp_path / "packages", is_stopped=lambda: False):
        name = "UV_DEFAULT_INDEX" if "UV_NO_CACHE" in tool else "PIP_INDEX_URL"
        lines: list[str] = []
        environment = {**_environment(), **tool, name: url, "UV_HTTP_RETRIES": "0"}
        environment["PIP_RETRIES"] = "0"
        done = Installing(plan, directory, environment, lines.append, is_stopped).run()
        return done, "\n".join(lines)

    call.tool = "uv" if "UV_NO_CACHE" in tool else "pip"
    return call


def test_what_is_missing_is_installed_with_what_it_needs(install, tmp_path) -> None:
    done, said = install(PackagePlan(requirements=(ALPHA,)))
    assert done.directory == str(tmp_path / "packages"), said
    assert done.installed == done.for_workers == ("rs-alpha==1.0", "rs-beta==1.5")
    assert not done.failure
    assert "rayspace: the image lacks, for the notebook: rs-alpha==1.0." in said
    assert f"installed rs-alpha==1.0, rs-beta==1.5 with {install.tool}: 2 packages, " in said
    assert (tmp_path / "packages/rs_alpha.py").read_text() == "VERSION = '1.0'\n"


def test_auto_takes_any_version_where_the_wanted_one_is_not_to_be_had(install) -> None:
    done, said = install(PackagePlan(requirements=(Requirement("rs_alpha", "rs-alpha==7.0"),)))
    assert done.installed == ("rs-alpha==2.0", "rs-beta==1.5")
    assert "those versions can't be had here; trying any versions" in said


def test_sync_pins_what_packages_need_in_turn(install) -> None:
    done, _ = install(PackagePlan(SYNC, (ALPHA,), constraints=("rs-beta==1.0",)))
    assert done.installed == ("rs-alpha==1.0", "rs-beta==1.0")


def test_sync_never_takes_another_version(install) -> None:
    done, _ = install(PackagePlan(SYNC, (Requirement("rs_alpha", "rs-alpha==7.0"),)))
    assert "7.0" in done.failure
    assert done.can_report
    assert not done.directory


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("rs-nothing", "rs-nothing"),
        ("rs-false", "A package is not the one that its hash promises"),
        # Ray is never changed for the sake of a package.
        ("rs-ray", "depend"),
    ],
)
def test_what_can_not_be_installed_is_said_in_one_sentence(install, text, words) -> None:
    plan = PackagePlan(requirements=(Requirement(text.replace("-", "_"), text, source="cell 1"),))
    done, _ = install(plan)
    assert words in done.failure
    assert text in done.failure
    assert "\n" not in done.failure
    assert done.failure.endswith(".")


def test_no_index_is_told_apart_from_no_package(install) -> None:
    done, _ = install(PackagePlan(requirements=(ALPHA,)), url="http://127.0.0.1:9/simple/")
    assert done.failure.startswith("No package index could be reached from where the job runs")


@pytest.fixture
def silent():
    """Return the URL of an index that takes calls and never answers."""
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/simple/"


def test_a_time_limit_holds(install, silent) -> None:
    done, _ = install(PackagePlan(requirements=(ALPHA,), timeout_s=0.2), url=silent)
    assert done.failure == "Packages could not be installed within 0.2 s."


def test_a_stop_ends_it(install, silent) -> None:
    plan = PackagePlan(requirements=(ALPHA,))
    done, _ = install(plan, url=silent, is_stopped=lambda: True)
    assert done.failure == "The job was stopped while packages were installed."


@pytest.fixture
def small_disk(tmp_path):
    """Return a directory on a disk of its own, of 96 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=96k", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("This user may not mount a small disk: run it as root.")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_said_and_left_as_it_was(install, small_disk) -> None:
    """What is half installed goes, so that the record of the job has room."""
    plan = PackagePlan(requirements=(Requirement("rs_large", "rs-large"),))
    done, _ = install(plan, directory=small_disk / "packages")
    assert done.failure == f"The disk is full where packages are installed ({install.tool})."
    assert list(small_disk.iterdir()) == []


def test_what_is_there_is_not_asked_of_an_index(install) -> None:
    """Also offline: nothing is asked when nothing is missing."""
    plan = PackagePlan(requirements=(Requirement("yaml", "PyYAML==1.0", source="cell 1"),))
    done, said = install(plan, url="http://127.0.0.1:9/simple/")
    assert not done.failure
    assert not done.directory
    assert said == ""


def test_what_ray_needs_stays_whatever_sync_asks(install) -> None:
    plan = PackagePlan(SYNC, (Requirement("yaml", "PyYAML==1.0", source="cell 1"),))
    done, said = install(plan, url="http://127.0.0.1:9/simple/")
    assert not done.failure
    assert "of the image stays, since Ray needs it; asked was PyYAML==1.0." in said
