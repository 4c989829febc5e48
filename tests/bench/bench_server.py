"""Measure the Jupyter server's half: memory, idle time, and how long a change takes to a tab.

Memory and idle time are those of a real Jupyter server, beside one without the extension in the
same run. The way of a change goes from a thousand clusters that exist in memory only to ten
sockets. It prints figures and asserts nothing: ``python -m tests.bench.bench_server``.
"""

from __future__ import annotations

import asyncio
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import aiohttp
import psutil

from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase, ClusterSpec
from rayspace.model.progress import silent
from tests.server.jupyter_process import TOKEN, JupyterProcess
from tests.server.twin import TwinServer

_N_CLUSTERS, _N_SOCKETS, _N_CHANGES = 1000, 10, 200
#: Over this time the idle server is watched. [s]
_IDLE_S = 30.0
_MIB = 2**20


def main() -> int:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        os.environ |= {"HOME": directory, "MLFLOW_DISABLE_TELEMETRY": "true"}
        bare, _ = run(_process(home / "bare", with_ours=False))
        ours, cpu = run(_process(home / "ours", with_ours=True))
        print(f"memory, bare Jupyter server        {bare['loaded'] / _MIB:7.1f} MiB")
        for name, amount in ours.items():
            more = (amount - bare["loaded"]) / _MIB
            print(f"memory over bare, {name:<16} {more:7.1f} MiB")
        for name, share in cpu.items():
            print(f"CPU of one core, {name:<17} {share * 100:7.2f} %")
        with TwinServer(home / "twin") as twin:
            run(_latency(twin))
    return 0


async def _process(home: Path, *, with_ours: bool) -> tuple[dict[str, int], dict[str, float]]:
    """Return memory after each step [bytes], and the share of a core while idle [1]."""
    root = home / "root"
    root.mkdir(parents=True)
    server = JupyterProcess(root, home, home / "state")
    if not with_ours:
        server.extensions = {"rayspace.server": False}
    await asyncio.to_thread(server.start)
    process = psutil.Process(server.process.pid)
    memory, cpu = {}, {}
    try:
        await server.ask("GET", "/api/contents")
        await asyncio.sleep(2)
        memory["loaded"] = process.memory_full_info().uss
        cpu["nobody looks"] = await _busy(process)
        if with_ours:
            await server.get("/rayspace/clusters")
            await server.get("/rayspace/profiles")
            memory["clusters listed"] = process.memory_full_info().uss
            async with server.stream() as tab:
                await tab.next()
                await asyncio.sleep(3)
                memory["a tab, no job yet"] = process.memory_full_info().uss
                cpu["a tab, no job yet"] = await _busy(process)
            _a_run(root / "mlflow.db")
            async with server.stream() as tab:
                first = await tab.next()
                if not first["data"]["jobs"]:
                    await tab.until("job", name="made-up", timeout_s=30)
                await asyncio.sleep(3)
                memory["a tab, a job"] = process.memory_full_info().uss
                cpu["a tab, a job"] = await _busy(process)
    finally:
        server.stop()
    return memory, cpu


def _a_run(database: Path) -> None:
    """Put a job that ended on record."""
    from rayspace.gateways.mlflow.runs import MlflowRunGateway
    from rayspace.model.run import RunStatus, Tag

    runs = MlflowRunGateway(f"sqlite:///{database}", database.parent / "mlruns")
    tags = {Tag.JOB: "made-up", Tag.SUBMITTED_MS: "1", Tag.PHASE: "succeeded"}
    record = runs.create(experiment="bench", name="made-up", tags=tags, params={})
    runs.set_status(record.run_id, RunStatus.FINISHED)


async def _busy(process: psutil.Process) -> float:
    """Return the share of a core that a process takes while nobody asks. [1]"""
    before, began_s = process.cpu_times(), time.monotonic()
    await asyncio.sleep(_IDLE_S)
    after = process.cpu_times()
    used_s = after.user + after.system - before.user - before.system
    return used_s / (time.monotonic() - began_s)


async def _latency(twin: TwinServer) -> None:
    """Print how long a change takes to each socket, and to come by a snapshot."""
    gateway, world = twin.gateways["local"], twin.worlds["local"]
    for index in range(_N_CLUSTERS):
        await gateway.create(ClusterSpec(f"c{index:04}", "laptop", n_workers=2), silent)
    url = f"{twin.url}/rayspace/changes"
    changed_s: dict[tuple[str, str], float] = {}
    took_ms: list[float] = []
    async with aiohttp.ClientSession(headers={"Authorization": f"token {TOKEN}"}) as session:
        sockets = [await session.ws_connect(url, max_msg_size=0) for _ in range(_N_SOCKETS)]

        async def hear(socket: aiohttp.ClientWebSocketResponse) -> None:
            async for message in socket:
                heard_s = time.monotonic()
                data = json.loads(message.data)
                if data["kind"] == "cluster":
                    key = (data["data"]["name"], data["data"]["reason"])
                    if key in changed_s:
                        took_ms.append((heard_s - changed_s[key]) * 1000)

        tasks = [asyncio.create_task(hear(socket)) for socket in sockets]
        await asyncio.sleep(5)
        for index in range(_N_CHANGES):
            name, reason = f"c{(index * 37) % _N_CLUSTERS:04}", f"change {index}"
            cluster = world.clusters[name]
            cluster.phase, cluster.reason = ClusterPhase.STARTING, reason
            changed_s[name, reason] = time.monotonic()
            world.stir()
            await asyncio.sleep(0.1)
        await asyncio.sleep(1)
        for task in tasks:
            task.cancel()
        began_s = time.monotonic()
        late = await session.ws_connect(url, max_msg_size=0)
        snapshot = await late.receive()
        snapshot_ms = (time.monotonic() - began_s) * 1000
        for socket in (*sockets, late):
            await socket.close()
    cuts = statistics.quantiles(took_ms, n=100)
    n_expected = _N_CHANGES * _N_SOCKETS
    print(f"changes heard                      {len(took_ms)} of {n_expected}")
    print(f"change to socket, median           {statistics.median(took_ms):7.1f} ms")
    print(f"change to socket, p95              {cuts[94]:7.1f} ms")
    print(f"change to socket, longest          {max(took_ms):7.1f} ms")
    size = len(snapshot.data) / _MIB
    print(f"snapshot of {_N_CLUSTERS} clusters          {snapshot_ms:7.1f} ms, {size:.1f} MiB")


if __name__ == "__main__":
    sys.exit(main())
