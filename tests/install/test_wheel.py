"""The wheel brings JupyterLab's panel: who installs it needs no Node."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests import extension_build

ROOT = Path(__file__).resolve().parents[2]
#: What the panel may weigh on its way to a browser. [bytes]
MOST_BYTES = 150 * 1000
_PANEL = "data/share/jupyter/labextensions/rayspace"


def without_node(**more: str) -> dict[str, str]:
    """Return an environment on whose PATH there is neither Node nor npm."""
    folders = os.environ["PATH"].split(os.pathsep)
    kept = [f for f in folders if not any(Path(f, name).exists() for name in ("node", "npm"))]
    return {**os.environ, "PATH": os.pathsep.join(kept), **more}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """Build the wheel once, from the front end that is built."""
    extension_build.build()
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip"]
    subprocess.run(
        [*pip, "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT)],
        check=True,
        env=without_node(),
    )
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def prefix(wheel, tmp_path_factory) -> Path:
    """Install it into an environment that sees this one's packages, without Node on the PATH."""
    folder = tmp_path_factory.mktemp("prefix")
    env = without_node()
    assert shutil.which("npm", path=env["PATH"]) is None
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    (packages,) = folder.glob("lib/python*/site-packages")
    (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
    python = str(folder / "bin" / "python")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "--python", python, "install", "-q"),
            *("--no-deps", "--ignore-installed", str(wheel)),
        ],
        check=True,
        env=env,
    )
    return folder


def test_the_panel_is_in_the_wheel_and_small(wheel):
    """All of its scripts together, as they travel."""
    archive = zipfile.ZipFile(wheel)
    scripts = [name for name in archive.namelist() if _PANEL in name and name.endswith(".js")]
    total = sum(len(gzip.compress(archive.read(name))) for name in scripts)
    print(f"the panel weighs {total / 1000:.0f} kB gzipped")
    assert 0 < total <= MOST_BYTES


@pytest.fixture(scope="module")
def sdist(tmp_path_factory) -> set[str]:
    """Build what travels as source, and return the names of its files."""
    folder = tmp_path_factory.mktemp("sdist")
    uv = [sys.executable, "-m", "uv", "build", "-q", "--sdist", "-o", str(folder), str(ROOT)]
    subprocess.run(uv, check=True, env=without_node(UV_PYTHON=sys.executable))
    (found,) = folder.glob("*.tar.gz")
    with tarfile.open(found) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_both_hold_all_that_works_and_nothing_of_the_tests(wheel, sdist):
    """Each template and each module that git keeps, the licence, and none of what builds leave."""
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, check=False, capture_output=True)
    kept = [name for name in listing.stdout.decode().split() if (ROOT / name).is_file()]
    ours = [name for name in kept if name.startswith(("workspace/", "templates/"))]
    assert not kept or len(ours) > 300
    assert {"README.md", "LICENSE", "CHANGELOG.md", "pyproject.toml", *ours} <= sdist
    built = set(zipfile.ZipFile(wheel).namelist())
    inside = [name.removeprefix("workspace/") for name in ours if "/reference/" not in name]
    moved = {f"rayspace/{n}" if n.startswith("templates/") else n for n in inside}
    assert moved <= built
    assert any(name.endswith("/licenses/LICENSE") for name in built)
    for name in built | sdist:
        assert not name.startswith("tests/"), name
        assert not {"node_modules", "__pycache__", ".git", "lib"} & set(name.split("/")), name


def test_jupyter_lists_both_halves_as_enabled(prefix):
    """`pip install` is all there is to do."""

    def listed(*words: str) -> str:
        done = subprocess.run(
            [prefix / "bin" / "python", "-m", *words, "list"],
            env=without_node(NO_COLOR="1"),
            capture_output=True,
            text=True,
            check=True,
        )
        return done.stdout + done.stderr

    lab = listed("jupyterlab.labextensions")
    ours = next(line for line in lab.split("\n") if "rayspace" in line)
    assert str(prefix / "share" / "jupyter" / "labextensions") in lab
    assert "enabled" in ours
    assert "OK" in ours
    server = listed("jupyter_server", "extension")
    ours = next(line for line in server.split("\n") if "rayspace.server" in line)
    assert str(prefix / "etc" / "jupyter") in server
    assert "enabled" in ours


def test_settings_and_scripts_are_where_jupyterlab_looks(prefix):
    """The schemas bring the button of the notebook's toolbar."""
    panel = prefix / "share" / "jupyter" / "labextensions" / "rayspace"
    about = json.loads((panel / "package.json").read_text("utf-8"))
    entry = about["jupyterlab"]["_build"]["load"]
    assert (panel / entry).is_file()
    assert (panel / "schemas" / "rayspace" / "ship.json").is_file()


def test_an_editable_build_goes_on_without_npm(tmp_path):
    """All but the panel works without; a wheel says what to do."""
    hook = ROOT / "extension" / "hatch_build.py"
    program = f"""
import sys, types
class Base:
    def __class_getitem__(cls, _): return cls
    def __init__(self, root):
        self.root, self.target_name = root, "wheel"
        self.app = types.SimpleNamespace(display_warning=print, display_info=print)
interface = types.ModuleType("hatchling.builders.hooks.plugin.interface")
interface.BuildHookInterface = Base
sys.modules[interface.__name__] = interface
space = {{}}
exec(compile(open({str(hook)!r}).read(), "hook", "exec"), space)
hook = space["FrontEndHook"]({str(tmp_path)!r})
hook.initialize(sys.argv[1], {{"shared_data": {{}}}})
"""
    shutil.copytree(
        ROOT / "extension",
        tmp_path / "extension",
        ignore=shutil.ignore_patterns("node_modules", "lib", "screenshots"),
    )

    def built(version: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", program, version],
            env=without_node(),
            capture_output=True,
            text=True,
            check=False,
        )

    editable, standard = built("editable"), built("standard")
    assert editable.returncode == 0, editable.stderr
    assert "npm is not on the PATH, so JupyterLab's panel is left out" in editable.stdout
    assert standard.returncode == 1
    assert "install a wheel, which brings the panel: pip install rayspace" in standard.stderr
