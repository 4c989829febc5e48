"""The process outside that keeps one cluster, and leaves nothing of it when it goes.

It ends the cluster when it is told to, when the cluster ends by itself, and when whoever started
it for themselves is gone: it then reads the end of a pipe.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster.sandbox import cgroups
from tests.cluster.sandbox.layout import Layout

_ENDING = frozenset({signal.SIGTERM, signal.SIGINT, signal.SIGHUP})
#: Killed processes leave their groups within a moment; the kernel may be busy. [s]
_CLEAN_S = 30.0


def main() -> int:
    """Keep the cluster of a folder until told otherwise.

    Arguments of the command line: the folder, and the descriptor of the pipe or ``-``.
    """
    layout = Layout(Path(sys.argv[1]))
    plan = json.loads(layout.plan_path.read_text())
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    signal.set_wakeup_fd(waker)
    for number in (*_ENDING, signal.SIGCHLD):
        # The number arrives in the pipe; a handler is needed for it to do so.
        signal.signal(number, lambda *_: None)
    sandbox = _spawn(
        layout,
        "sandbox",
        [
            *("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"),
            *("--propagation", "private", "tini", "--"),
            *(sys.executable, "-m", "tests.cluster.sandbox.main", str(layout.run_dir)),
        ],
    )
    bridge = _spawn(
        layout,
        "bridge-outside",
        [
            "socat",
            f"TCP-LISTEN:{plan['port']},bind=127.0.0.1,fork,reuseaddr,nodelay",
            f"UNIX-CONNECT:{layout.api_socket}",
        ],
    )
    state = {**plan, "keeper": os.getpid(), "sandbox": sandbox.pid}
    layout.state_path.write_text(json.dumps(state))
    inputs = [woken] if sys.argv[2] == "-" else [woken, int(sys.argv[2])]
    try:
        while sandbox.poll() is None:
            ready, _, _ = select.select(inputs, [], [])
            if woken not in ready or _ENDING.intersection(os.read(woken, 4096)):
                break
    finally:
        for process in (bridge, sandbox):
            process.kill()
            process.wait()
        clean(layout, plan["cgroup"])
    return 0


def _spawn(layout: Layout, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    with (layout.log_dir / f"{name}.log").open("ab") as log:
        return subprocess.Popen(
            # Even a killed keeper takes them with it.
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )


def clean(layout: Layout, cgroup: str) -> None:
    """Remove what a killed cluster leaves: control groups, sockets and data; logs stay."""
    deadline_s = time.monotonic() + _CLEAN_S
    while cgroups.processes(cgroup) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    cgroups.remove(cgroup)
    if not layout.run_dir.exists():
        return
    for path in layout.run_dir.iterdir():
        if path in {layout.log_dir, layout.failure_path, layout.plan_path, layout.state_path}:
            continue
        if path.is_dir():
            _keep_logs(path, layout)
            shutil.rmtree(path)
        else:
            path.unlink()
    # The last, since they tell the next who looks that something is left.
    layout.state_path.unlink(missing_ok=True)
    layout.plan_path.unlink(missing_ok=True)


def _keep_logs(folder: Path, layout: Layout) -> None:
    if (folder / "log").is_dir():
        shutil.copytree(folder / "log", layout.log_dir / folder.name, dirs_exist_ok=True)


if __name__ == "__main__":
    sys.exit(main())
