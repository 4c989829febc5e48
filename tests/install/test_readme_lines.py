"""The README's lines that install and start programs, typed in its order in a fresh clone.

What the environment of the tests has already is not downloaded again: the new one sees its
packages, and gets the programs that pip would have brought with them.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pytest

from tests import extension_build
from tests.documented_lines import ROOT, lines_of, type_line
from tests.install.test_base_install import caller_home
from tests.ports import free_port
from tests.waiting import wait_for

if TYPE_CHECKING:
    from collections.abc import Callable

THIS = "tests/install/test_readme_lines.py"
#: Whose programs are typed.
_PROGRAMS_OF = ("argcomplete", "jupyter-core", "jupyterlab")
#: The longest that one line may take on a machine that does other things as well. [s]
_LINE_S = 400.0
_START_S = 120.0


class Newcomer:
    """Somebody in a fresh clone, at one terminal.

    Parameters
    ----------
    folder
        The clone.
    home
        What is theirs alone.
    """

    def __init__(self, folder: Path, home: Path) -> None:
        self.folder, self._home = folder, home
        # What was activated or set so far in this terminal.
        self._before: list[str] = []
        for name in ("config", "data", "runtime"):
            (home / name).mkdir(parents=True)
        # JupyterLab does not start for root unless that is allowed, and tests may be root.
        settings = {"ServerApp": {"allow_root": True, "port": free_port()}}
        (home / "config" / "jupyter_server_config.json").write_text(json.dumps(settings))
        browser = home / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" >> {home}/pages\n')
        browser.chmod(0o755)
        self.environ = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "BROWSER": str(browser),
            "JUPYTER_CONFIG_DIR": str(home / "config"),
            "JUPYTER_DATA_DIR": str(home / "data"),
            "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
            "RAYSPACE_STATE_DIR": str(home / "state"),
            "KUBECONFIG": str(home / "none"),
            # Downloads are shared with other environments here.
            "PIP_CACHE_DIR": str(caller_home() / ".cache" / "pip"),
        }
        # The package is the one that is installed, not that of who runs the tests.
        self.environ.pop("PYTHONPATH", None)
        #: What a line that fits does; the first counts.
        self.steps: dict[str, Callable[[str], None]] = {
            r"-m venv ": self.make_environment,
            r"pip install ": self.install,
            r"rayspace demo$": self.demo,
            r"^\. ": self.activate,
            r"^jupyter lab ": self.lab,
            r"^eval ": self.complete,
        }

    def type(self, line: str) -> None:
        """Type a line, and see whether it does what the README says."""
        type_line(line, self.steps)

    def run(self, line: str) -> str:
        """Type a line that ends, and return what it shows."""
        done = subprocess.run(
            self._words(line), cwd=self.folder, env=self.environ, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
            timeout=_LINE_S,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stdout}"
        return done.stdout

    def _words(self, line: str) -> list[str]:
        return ["/bin/sh", "-c", "\n".join([*self._before, line])]

    def make_environment(self, line: str) -> None:
        """It is there, with a Python of its own, which the tests let see what they have."""
        self.run(line)
        environment = self.folder / line.rpartition(" ")[2]
        (packages,) = environment.glob("lib/python*/site-packages")
        (packages / "others.pth").write_text(sysconfig.get_path("purelib"))
        for name in _PROGRAMS_OF:
            for entry in metadata.distribution(name).entry_points.select(group="console_scripts"):
                script = environment / "bin" / entry.name
                script.write_text(
                    f"#!{environment}/bin/python\nimport sys\n"
                    f"from {entry.module} import {entry.attr}\nsys.exit({entry.attr}())\n"
                )
                script.chmod(0o755)

    def install(self, line: str) -> None:
        """The package of this clone is the one that is found afterwards."""
        assert "Successfully installed" in self.run(line)
        python = self.folder / ".venv" / "bin" / "python"
        place = self.run(f"cd / && {python} -c 'import rayspace; print(rayspace.__file__)'")
        assert place.startswith(str(self.folder / ".venv"))

    def demo(self, line: str) -> None:
        """It ends well, says where everything is, and stops what it started."""
        told = self.run(line)
        assert "succeeded" in told
        assert "mlflow.db" in told
        program = line.partition(" ")[0]
        assert json.loads(self.run(f"{program} cluster list --json")) == {"clusters": []}

    def activate(self, line: str) -> None:
        """The program of the package is on the path from here on."""
        self._before.append(line)
        found = self.run("command -v rayspace").strip()
        assert found == str(self.folder / ".venv" / "bin" / "rayspace")

    def lab(self, line: str) -> None:
        """A browser is opened at a JupyterLab that has the product's server side."""
        (self._home / "pages").unlink(missing_ok=True)
        with (self._home / "lab.log").open("w") as log:
            process = subprocess.Popen(
                self._words(f"exec {line}"), cwd=self.folder, env=self.environ,
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip
            try:
                address, token = self._opened(process)
                asked = {"Authorization": f"token {token}"}

                def get(path: str) -> str:
                    request = urllib.request.Request(address + path, headers=asked)
                    with urllib.request.urlopen(request, timeout=60) as answer:
                        return str(answer.read().decode())

                def is_there() -> str:
                    assert process.poll() is None, (self._home / "lab.log").read_text()
                    # It opens the browser just before it listens.
                    with contextlib.suppress(urllib.error.URLError):
                        return get("lab")
                    return ""

                assert "<title>JupyterLab</title>" in wait_for(is_there, "JupyterLab answers")
                assert json.loads(get("rayspace/health"))["problems"] == []
                folder = line.rpartition(" ")[2]
                if "--Scheduler" in line:
                    # It answers, and knows the class that it was told of.
                    assert json.loads(get("scheduler/runtime_environments"))
                    told = (self._home / "lab.log").read_text()
                    assert "nrecognized" not in told
                    assert "Traceback" not in told, told
                else:
                    names = {item["name"] for item in json.loads(get("api/contents"))["content"]}
                    assert names >= {path.name for path in (ROOT / folder).glob("*.ipynb")}
            finally:
                process.terminate()
                try:
                    process.wait(30)
                except subprocess.TimeoutExpired:
                    # Jupyter's loop may stop just after an answer, and leave that one's thread.
                    process.kill()
                    process.wait()

    def _opened(self, process: subprocess.Popen[bytes]) -> tuple[str, str]:
        """Return the address that the browser was sent to, and the token in it."""
        pages = self._home / "pages"
        deadline_s = time.monotonic() + _START_S
        # The shell makes the file before it writes to it.
        while not pages.exists() or not pages.read_text().strip():
            log = (self._home / "lab.log").read_text()
            assert process.poll() is None, log
            assert time.monotonic() < deadline_s, log
            time.sleep(0.1)
        with urllib.request.urlopen(pages.read_text().split()[-1]) as page:
            text = page.read().decode()
        found = re.search(r'href="(http://[^/]+/)lab[^"]*\?token=(\w+)"', text)
        assert found, text
        return found[1], found[2]

    def complete(self, line: str) -> None:
        """A real bash completes a verb of ours after it."""
        shell = pexpect.spawn(
            "bash", ["--norc", "--noprofile", "-i"], cwd=str(self.folder), encoding="utf-8",
            env={**self.environ, "PS1": "ready> ", "TERM": "dumb"}, timeout=60,
        )  # fmt: skip
        try:
            for words in (*self._before, line):
                shell.expect_exact("ready> ")
                shell.sendline(words)
            shell.expect_exact("ready> ")
            shell.send("rayspace cluster susp\t")
            shell.expect_exact("rayspace cluster suspend")
        finally:
            shell.close(force=True)


@pytest.fixture
def newcomer(own_home: Path, tmp_path: Path) -> Newcomer:
    """Clone this repository as it is, with the panel that is built already."""
    extension_build.build()
    folder = tmp_path / "rayspace"
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    panel = Path("workspace", "rayspace", "labextension")
    shutil.copytree(ROOT / panel, folder / panel, dirs_exist_ok=True)
    return Newcomer(folder, tmp_path / "home")


def test_every_line_that_installs_or_starts_a_program_does_what_the_readme_says(
    newcomer: Newcomer,
) -> None:
    """From nothing to JupyterLab; jupyter-scheduler is installed before it is told what to do."""
    lines = lines_of(THIS)
    (scheduler,) = [line for line in lines if "--Scheduler" in line]
    for line in [*(line for line in lines if line != scheduler), scheduler]:
        newcomer.type(line)
