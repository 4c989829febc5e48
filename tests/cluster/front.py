"""Start, find and end clusters."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.cluster.binaries import KUBERAY, KUBERNETES, build
from tests.cluster.client import Cluster
from tests.cluster.errors import ClusterToolError
from tests.cluster.image_store import images_dir
from tests.cluster.images import PAUSE
from tests.cluster.keeper import clean
from tests.cluster.requirements import require_machine
from tests.cluster.sandbox.layout import Layout
from tests.cluster.stages import say, stage
from tests.cluster.store import ENVIRON, HERE, ROOT, cache_dir, key_of
from tests.ports import free_port, is_free

if TYPE_CHECKING:
    from collections.abc import Iterator

DEFAULT_NAME = os.environ.get("RAYSPACE_TEST_CLUSTER", "main")
_START_S = 180.0
#: Hundreds of processes end, and what pods have written is removed: minutes on a busy machine. [s]
_END_S = 200.0


def up(name: str = DEFAULT_NAME, *, port: int = 0, is_mine: bool = False) -> Cluster:
    """Start a cluster, or return the one that runs and is well.

    Parameters
    ----------
    name
        Its name: clusters of different names run side by side.
    port
        Port of 127.0.0.1 for its API server; 0 for a free one. [1]
    is_mine
        Whether it shall end with this process, however that ends.

    Returns
    -------
    Cluster
        The cluster, with its operator Ready.

    Raises
    ------
    ClusterToolError
        If the machine can't run it, or it does not come up.
    """
    layout = _layout(name)
    parts = prepare()
    with _lock(name):
        version = key_of([*(part.name for part in parts.values()), HERE / "sandbox",
                          HERE / "manifests", HERE / "keeper.py"])  # fmt: skip
        running = _running(layout)
        if running is not None:
            if running["version"] == version and Cluster(layout).is_well():
                return Cluster(layout)
            say("cluster: the one that runs is old or unwell, and makes place for a new one")
            _end(layout)
        _clean_leftover(layout)
        with stage("start"):
            _start(layout, name, parts, version, port, is_mine=is_mine)
        for what, elapsed_s in json.loads(layout.ready_path.read_text()).items():
            say(f"cluster:   {what} after {elapsed_s} s")
    return Cluster(layout)


def prepare() -> dict[str, Path]:
    """Build what is missing, and return the folders of all parts.

    Raises
    ------
    ClusterToolError
        If the machine can't run a cluster, or something can't be built.
    """
    require_machine()
    parts = {"kubernetes": KUBERNETES, "kuberay": KUBERAY}
    found = {name: build(module) for name, module in parts.items()}
    return {**found, "images": images_dir()}


def find(name: str = DEFAULT_NAME) -> Cluster:
    """Return the cluster that runs; `ClusterToolError` if there is none."""
    layout = _layout(name)
    if _running(layout) is None:
        raise ClusterToolError(
            f"The cluster {name!r} does not run.", hint="Start it: python -m tests.cluster up"
        )
    return Cluster(layout)


def down(name: str = DEFAULT_NAME) -> None:
    """End a cluster and whatever is left of an earlier one."""
    layout = _layout(name)
    with _lock(name):
        if _running(layout) is not None:
            _end(layout)
        _clean_leftover(layout)


def is_running(name: str = DEFAULT_NAME) -> bool:
    """Whether a cluster runs."""
    return _running(_layout(name)) is not None


def log_dir(name: str = DEFAULT_NAME) -> Path:
    """Return where the logs of a cluster are, also of one that ended."""
    return _layout(name).log_dir


def init_pid(name: str = DEFAULT_NAME) -> int:
    """Return the first process inside a running cluster. [1]"""
    running = _running(_layout(name))
    if running is None:
        raise ClusterToolError(f"The cluster {name!r} does not run.", hint="Start it first.")
    pid = running["sandbox"]
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


def _layout(name: str) -> Layout:
    return Layout(cache_dir() / "run" / name)


def _running(layout: Layout) -> dict[str, Any] | None:
    """Return state and plan of the cluster whose keeper lives."""
    try:
        state = json.loads(layout.state_path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return state if _keeps(state["keeper"], layout) else None


def _keeps(pid: int, layout: Layout) -> bool:
    """Whether a process is the keeper of a cluster."""
    try:
        words = Path(f"/proc/{pid}/cmdline").read_text().split("\0")
    except (FileNotFoundError, ProcessLookupError):
        return False
    return "tests.cluster.keeper" in words and str(layout.run_dir) in words


def _start(
    layout: Layout, name: str, parts: dict[str, Path], version: str, port: int, *, is_mine: bool
) -> None:
    for folder in (layout.log_dir, layout.kubeconfig_dir, layout.user_dir, layout.pki_dir):
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    if len(str(layout.control_socket)) > 100:
        raise ClusterToolError(
            f"{layout.run_dir} is too long a path for sockets.",
            hint="Name a shorter cache directory with XDG_CACHE_HOME.",
        )
    operator = layout.run_dir / "operator"
    shutil.copytree(HERE / "manifests" / "kuberay", operator)
    shutil.copytree(parts["kuberay"] / "config", operator / "config")
    port = _checked_port(port) if port else free_port()
    plan = {
        "server": f"https://127.0.0.1:{port}",
        "port": port,
        "cgroup": f"rayspace-tests-{name}",
        "images_dir": str(parts["images"]),
        "pause_image": PAUSE,
        "coredns": str(HERE / "manifests" / "coredns.yaml"),
        "operator": str(operator),
        "version": version,
        "bin_dir": str(parts["kubernetes"] / "bin"),
    }
    layout.plan_path.write_text(json.dumps(plan))
    lifeline, mine = os.pipe() if is_mine else (-1, -1)
    if is_mine:
        # Kept open for as long as this process lives; its end is what the keeper waits for.
        _LIFELINES.append(mine)
    path = f"{plan['bin_dir']}:{ENVIRON.get('PATH', '')}:/usr/sbin:/sbin"
    with (layout.log_dir / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-m", "tests.cluster.keeper", str(layout.run_dir),
             str(lifeline) if is_mine else "-"],
            cwd=ROOT, env={**ENVIRON, "PATH": path, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            pass_fds=[lifeline] if is_mine else [],
        )  # fmt: skip
    if is_mine:
        os.close(lifeline)
    _wait_ready(layout, keeper)


_LIFELINES: list[int] = []


def _wait_ready(layout: Layout, keeper: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + _START_S
    is_lost = False
    try:
        while not layout.ready_path.exists() and not is_lost:
            time.sleep(0.1)
            is_lost = keeper.poll() is not None or time.monotonic() > deadline_s
    finally:
        # Also at Ctrl-C: half a cluster is of no use.
        if not layout.ready_path.exists():
            keeper.send_signal(signal.SIGTERM)
            keeper.wait(_END_S)
    if is_lost:
        raise _why_not(layout)


def _why_not(layout: Layout) -> ClusterToolError:
    try:
        failure = json.loads(layout.failure_path.read_text())
    except FileNotFoundError:
        return ClusterToolError(
            "The cluster did not come up.", hint=f"Its logs are in {layout.log_dir}"
        )
    return ClusterToolError(failure["message"], hint=failure["hint"])


def _end(layout: Layout) -> None:
    running = _running(layout)
    if running is None:
        return
    os.kill(running["keeper"], signal.SIGTERM)
    deadline_s = time.monotonic() + _END_S
    while _keeps(running["keeper"], layout):
        if time.monotonic() > deadline_s:
            raise ClusterToolError(
                f"The keeper {running['keeper']} does not end.", hint="Look at it with ps."
            )
        time.sleep(0.05)


def _clean_leftover(layout: Layout) -> None:
    """Remove what a killed keeper left: its cluster ended with it."""
    if layout.plan_path.exists():
        clean(layout, json.loads(layout.plan_path.read_text())["cgroup"])
    shutil.rmtree(layout.run_dir, ignore_errors=True)


def _checked_port(wanted: int) -> int:
    if not is_free(wanted):
        raise ClusterToolError(
            f"Port {wanted} is in use.", hint="Leave --port out to get a free one."
        )
    return wanted


@contextlib.contextmanager
def _lock(name: str) -> Iterator[None]:
    path = cache_dir() / "run" / f"{name}.lock"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
