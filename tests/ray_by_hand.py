"""A Ray that somebody started without this product."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from typing import TYPE_CHECKING

import psutil

from rayspace.gateways.local_ray.ports import free_ports

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/api/v0/nodes?limit=1", timeout=5) as response:
            return b"ALIVE" in response.read()
    except OSError:
        return False


@contextmanager
def ray_by_hand(directory: Path) -> Iterator[str]:
    """Run a head, as a person would start one, and end it.

    Parameters
    ----------
    directory
        For its log.

    Yields
    ------
    str
        URL of its dashboard.
    """
    ports = free_ports(6, set())
    words = [
        "--head", "--block", "--node-ip-address=127.0.0.3", "--dashboard-host=127.0.0.1",
        f"--port={ports[0]}", f"--dashboard-port={ports[1]}",
        f"--ray-client-server-port={ports[2]}",
        f"--dashboard-agent-listen-port={ports[3]}", f"--dashboard-agent-grpc-port={ports[4]}",
        f"--metrics-export-port={ports[5]}", "--min-worker-port=0", "--max-worker-port=0",
        "--num-cpus=1", "--object-store-memory=100000000", "--disable-usage-stats",
    ]  # fmt: skip
    with (directory / "ray-by-hand.log").open("w") as log:
        head = subprocess.Popen(
            [sys.executable, "-m", "ray.scripts.scripts", "start", *words],
            env={**os.environ, "RAY_AUTH_MODE": "disabled"},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    url = f"http://127.0.0.1:{ports[1]}"
    try:
        deadline_s = time.monotonic() + 240
        while not _answers(url):
            assert head.poll() is None
            assert time.monotonic() < deadline_s
            time.sleep(0.2)
        yield url
    finally:
        family = psutil.Process(head.pid).children(recursive=True)
        head.terminate()
        head.wait(timeout=120)
        _, alive = psutil.wait_procs(family, timeout=20)
        for process in alive:
            process.kill()
