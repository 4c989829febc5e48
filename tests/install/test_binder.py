"""Binder's container: what repo2docker makes of binder/, and the same steps without an engine."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import tomllib
import urllib.error
import urllib.request
from pathlib import Path

import nbformat
import pytest

from tests import extension_build
from tests.cluster.sandbox import cgroups
from tests.install.test_base_install import caller_home
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]
BINDER = ROOT / "binder"
#: What a container of Binder has. [bytes]
LIMIT_BYTES = 2 * 2**30
TOKEN = "a-token-of-the-test"
FIRST = "notebooks/00-first-cluster.ipynb"


def test_repo2docker_takes_each_of_the_steps():
    """Its Dockerfile makes the environment, runs postBuild in it, and begins with start."""
    words = ["--no-build", "--debug", "--user-id", "1000", "--user-name", "jovyan", str(ROOT)]
    done = subprocess.run(
        [sys.executable, "-m", "repo2docker", *words],
        env=dict(os.environ),
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    lines = [line.strip() for line in done.stdout.splitlines()]
    steps = [
        "bash -c 'time ${MAMBA_EXE} env update -p ${NB_PYTHON_PREFIX} --file",
        "COPY --chown=1000:1000 src/ ${REPO_DIR}/",
        "RUN ./binder/postBuild",
        'ENV R2D_ENTRYPOINT="${REPO_DIR}/binder/start"',
        'ENTRYPOINT ["/usr/local/bin/repo2docker-entrypoint"]',
    ]
    found = [next(n for n, line in enumerate(lines) if line.startswith(step)) for step in steps]
    assert found == sorted(found)
    # Not the default of repo2docker, which Ray may not know yet or any more.
    assert "Building conda environment for python=3.11" in done.stderr
    for script in (BINDER / "postBuild", BINDER / "start"):
        assert os.access(script, os.X_OK)


class Container:
    """What stands for the container: an environment, a home with this repository, and 2 GiB.

    Parameters
    ----------
    prefix
        The environment.
    home
        The home directory, which is the repository's folder as well.
    """

    def __init__(self, prefix: Path, home: Path) -> None:
        self.home = home
        foreign = ("RAY", "MLFLOW_TRACKING", "JUPYTER", "XDG_", "IPYTHON", "VIRTUAL_ENV")
        kept = {name: v for name, v in os.environ.items() if not name.startswith(foreign)}
        path = f"{prefix / 'bin'}{os.pathsep}{os.environ['PATH']}"
        self.environ = {**kept, "HOME": str(home), "PATH": path, "REPO_DIR": str(home)}
        self.group = f"rayspace-binder-{os.getpid()}"
        self.peak_bytes = 0
        self._is_over = threading.Event()
        self._watch = threading.Thread(target=self._measure, daemon=True)

    def run(self, *words: str, **more: str) -> str:
        """Run a program to its end, and return what it printed."""
        done = subprocess.run(
            words,
            cwd=self.home,
            env={**self.environ, **more},
            capture_output=True,
            text=True,
            check=False,
            timeout=800,
        )
        assert done.returncode == 0, f"{words}: {done.stdout[-3000:]}{done.stderr[-3000:]}"
        return done.stdout

    def within(self, *words: str) -> list[str]:
        """Return a command that runs as the container would: by ``start``, in its memory."""
        procs = self._file("cgroup.procs")
        enter = f'echo $$ > {procs} && exec "$@"'
        return ["sh", "-c", enter, "sh", str(self.home / "binder" / "start"), *words]

    @contextlib.contextmanager
    def limited(self):
        """Have so much memory, and no more."""
        cgroups.make(self.group)
        for name in ("memory.max", "memory.limit_in_bytes", "memory.memsw.limit_in_bytes"):
            if self._file(name).exists():
                self._file(name).write_text(str(LIMIT_BYTES))
        self._watch.start()
        try:
            yield
        finally:
            self._is_over.set()
            self._watch.join()
            deadline_s = time.monotonic() + 30
            while cgroups.processes(self.group) and time.monotonic() < deadline_s:
                time.sleep(0.1)
            cgroups.remove(self.group)

    def n_killed(self) -> int:
        """Return how many processes ended because the memory was used up. [1]"""
        for name in ("memory.events", "memory.oom_control"):
            if self._file(name).exists():
                found = re.search(r"^oom_kill (\d+)$", self._file(name).read_text(), re.MULTILINE)
                return int(found[1]) if found else 0
        raise AssertionError("This machine does not count that.")

    def _measure(self) -> None:
        """Note the most that processes hold of their own; files that were read can be dropped."""
        while not self._is_over.wait(0.25):
            stat = dict(line.split() for line in self._file("memory.stat").read_text().splitlines())
            names = ("anon", "shmem") if "anon" in stat else ("total_rss", "total_shmem")
            held = sum(int(stat.get(name, 0)) for name in names)
            self.peak_bytes = max(self.peak_bytes, held)

    def _file(self, name: str) -> Path:
        root = Path("/sys/fs/cgroup")
        base = root if (root / "cgroup.controllers").exists() else root / "memory"
        return base / self.group / name


@pytest.fixture(scope="module")
def container(tmp_path_factory) -> Container:
    """Take the steps of the Dockerfile: the repository, the environment, postBuild."""
    if os.geteuid() != 0:
        pytest.skip("Only root can limit memory here.")
    extension_build.build()
    home = tmp_path_factory.mktemp("jovyan")
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, home / name)
    panel = Path("workspace", "rayspace", "labextension")
    shutil.copytree(ROOT / panel, home / panel, dirs_exist_ok=True)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["local"]]
    digest = hashlib.sha256("\n".join([sys.version, *needed]).encode())
    for name in ("environment.yml", "postBuild"):
        digest.update((BINDER / name).read_bytes())
    cache = caller_home() / ".cache"
    prefix = cache / "rayspace-tests" / f"binder-{digest.hexdigest()[:16]}"
    if not (prefix / "ready").exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(prefix)], check=True)
    made = Container(prefix, home)
    # Downloads are shared with other environments here, which a container has not.
    pip = {"PIP_NO_CACHE_DIR": "0", "PIP_CACHE_DIR": str(cache / "pip"), "PIP_QUIET": "1"}
    made.run("binder/postBuild", **pip)
    (prefix / "ready").touch()
    return made


def test_a_newcomer_has_all_of_it_in_two_gigabytes(container):
    """JupyterLab with the panel, Ray, and the first notebook of the guide, run to its end."""
    port = free_port()
    options = ["--no-browser", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
    log = container.home / "lab.log"
    with container.limited(), log.open("w") as output:
        lab = subprocess.Popen(
            # What a JupyterHub, and so Binder, begins; JupyterLab is an extension of it.
            container.within("jupyter", "server", *options, "--allow-root", "--ip=127.0.0.1"),
            cwd=container.home,
            env=container.environ,
            stdout=output,
            stderr=output,
        )
        try:
            asked = Asked(port, lab, log)
            assert asked.json("rayspace/health")["problems"] == []
            targets = [target["name"] for target in asked.json("rayspace/targets")["targets"]]
            assert targets == ["local", "simulated"]
            assert asked.get("").url.endswith(f"/lab/tree/{FIRST}")
            layout = asked.json("lab/api/workspaces/default")["data"]["layout-restorer:data"]
            assert layout["left"]["current"] == "rayspace-panel"
            assert not layout["left"]["collapsed"]
            began_s = time.monotonic()
            container.run(*container.within("jupyter", "execute", "--inplace", FIRST))
            took_s = time.monotonic() - began_s
            seen = asked.json("rayspace/clusters")["clusters"]
            assert [(c["name"], c["phase"]) for c in seen] == [("laptop", "ready")]
            container.run(*container.within("rayspace", "cluster", "down", "laptop"))
            assert container.n_killed() == 0
        finally:
            lab.terminate()
            try:
                lab.wait(30)
            except subprocess.TimeoutExpired:
                lab.kill()
                lab.wait()
    text = json.dumps(nbformat.read(container.home / FIRST, as_version=4))
    assert "17,984 primes below 200,000" in text
    assert "with 2 CPUs" in text
    print(
        f"peak memory {container.peak_bytes / 2**30:.2f} GiB of {LIMIT_BYTES / 2**30:.0f} GiB,"
        f" the first notebook took {took_s:.0f} s"
    )
    assert container.peak_bytes < LIMIT_BYTES


class Asked:
    """JupyterLab, once it answers.

    Parameters
    ----------
    port
        Where. [1]
    process
        Its process.
    log
        What it prints.
    """

    def __init__(self, port: int, process: subprocess.Popen[bytes], log: Path) -> None:
        self._url = f"http://127.0.0.1:{port}/"
        deadline_s = time.monotonic() + 120
        while True:
            try:
                self.get("api/status")
            except urllib.error.URLError:
                assert process.poll() is None, log.read_text()[-3000:]
                assert time.monotonic() < deadline_s, log.read_text()[-3000:]
                time.sleep(0.2)
            else:
                return

    def get(self, path: str):
        """Ask for a page."""
        headers = {"Authorization": f"token {TOKEN}"}
        request = urllib.request.Request(self._url + path, headers=headers)
        return urllib.request.urlopen(request, timeout=60)

    def json(self, path: str):
        """Ask for JSON."""
        return json.loads(self.get(path).read())
