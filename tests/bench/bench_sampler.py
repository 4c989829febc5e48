"""Count what sampling a cluster costs: ``bench_sampler.py [nodes ...] [--gpus N] [--ticks N]``.

One tick is a request to a head (a recorded answer of Ray, multiplied, from a real HTTP server in a
process of its own) and what its reporter writes to MLflow (a database in a temporary directory).
Printed are the processor time of this process per tick, as a share of one core at a tick each 10 s,
the number of requests, and by how much memory grew beyond what MLflow takes.
"""

from __future__ import annotations

import argparse
import copy
import http.server
import json
import multiprocessing
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.model.measurement import GpuChoice
from rayspace.runner.dashboard import Dashboard
from rayspace.runner.log import RunnerLog
from rayspace.runner.node_record import NodeRecord
from rayspace.runner.reporter import Reporter
from rayspace.runner.sampler import Sampler
from rayspace.runner.spool import Spool

_INTERVAL_S = 10.0
_RECORDED = Path(__file__).parents[1] / "golden" / "nodes" / "one-node-two-gpus.json"


def answer(n_nodes: int, n_gpus: int) -> dict[str, Any]:
    """Make the answer of a head with this many nodes from that of a real one."""
    recorded: dict[str, Any] = json.loads(_RECORDED.read_text("utf-8"))
    (model,) = recorded["data"]["summary"]
    nodes = []
    for i in range(n_nodes):
        node = copy.deepcopy(model)
        node |= {"hostname": f"pod-{i:04}", "ip": f"10.0.{i // 256}.{i % 256}", "cpu": i % 100}
        node["gpus"] = [
            {**model["gpus"][0], "index": g, "uuid": f"GPU-{i}-{g}", "utilizationGpu": i % 100}
            for g in range(n_gpus)
        ]
        node["raylet"] |= {"nodeId": f"{i:056x}", "isHeadNode": i == 0}
        node["cmdline"] = ["raylet"] * 40
        nodes.append(node)
    recorded["data"]["summary"] = nodes
    return recorded


def serve(n_nodes: int, n_gpus: int, port: multiprocessing.Queue[int]) -> None:
    """Answer as a head does, with figures that are new each time."""
    document = answer(n_nodes, n_gpus)

    class Head(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            for node in document["data"]["summary"]:
                node["now"] += 5
            body = json.dumps(document).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Head)
    port.put(server.server_port)
    server.serve_forever()


def _peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(n_nodes: int, n_gpus: int, n_ticks: int) -> None:
    """Measure one size, and print one line."""
    port: multiprocessing.Queue[int] = multiprocessing.get_context("spawn").Queue()
    head = multiprocessing.get_context("spawn").Process(
        target=serve, args=(n_nodes, n_gpus, port), daemon=True
    )
    head.start()
    url = f"http://127.0.0.1:{port.get(timeout=60)}"
    with tempfile.TemporaryDirectory() as name:
        runs = MlflowRunGateway(f"sqlite:///{name}/mlflow.db", Path(name))
        run_id = runs.create(experiment="bench", name="bench", tags={}, params={}).run_id
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        runs.update(run_id, metrics=[(f"warm/{i}", 1.0, 1, 0) for i in range(400)])
        log = RunnerLog()
        spool = Spool(Path(name))
        reporter = Reporter(runs, run_id, log, lambda: None)
        record = NodeRecord(spool, "bench", _INTERVAL_S, GpuChoice.ALL, log)
        sampler = Sampler(
            Dashboard(url, "", {}), _INTERVAL_S, record, reporter.metrics, lambda: None, log
        )
        before_mib = _peak_mib()
        reading, writing, n_metrics = [], [], []
        with mock.patch.object(
            SqlAlchemyStore, "log_batch", autospec=True, side_effect=SqlAlchemyStore.log_batch
        ) as batches:
            for _ in range(n_ticks):
                began_s = time.thread_time()
                sampler._sample()
                read_s = time.thread_time()
                tags, metrics = reporter._take()
                assert reporter._write(tags, metrics)
                reading.append(read_s - began_s)
                writing.append(time.thread_time() - read_s)
                n_metrics.append(len(metrics))
            n_calls = batches.call_count / n_ticks
        grown_mib = _peak_mib() - before_mib
        began_s = time.thread_time()
        record.close()
        end_s = time.thread_time() - began_s
        files = {path.name: path.stat().st_size for path in spool.metrics_dir.glob("*")}
        read_s, write_s = statistics.median(reading), statistics.median(writing)
        print(
            f"{n_nodes} nodes x {n_gpus} GPUs, {n_ticks} ticks: {max(n_metrics)} metrics,"
            f" {n_calls:g} MLflow calls a tick; CPU a tick {read_s * 1000:.0f} ms to read and keep"
            f" ({max(reading) * 1000:.0f} ms at most) + {write_s * 1000:.0f} ms to write into a"
            f" local database = {(read_s + write_s) / _INTERVAL_S:.1%} of a core; memory grew by"
            f" {grown_mib:.0f} MiB; summary in {end_s * 1000:.0f} ms;"
            f" files {', '.join(f'{n} {s / 1024:.0f} KiB' for n, s in sorted(files.items()))}"
        )
        runs.close()
    head.terminate()
    head.join()


def main() -> None:
    """Measure each size in a process of its own, so that memory tells of it alone."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("nodes", nargs="*", type=int, default=[10, 100, 1000])
    parser.add_argument("--gpus", type=int, default=8)
    parser.add_argument("--ticks", type=int, default=10)
    asked = parser.parse_args()
    for n_nodes in asked.nodes:
        process = multiprocessing.get_context("spawn").Process(
            target=measure, args=(n_nodes, asked.gpus, asked.ticks)
        )
        process.start()
        process.join()


if __name__ == "__main__":
    main()
