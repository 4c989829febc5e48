"""Count what sampling a large cluster costs: ``bench_sampler.py [nodes] [gpus]``.

One tick is a request to a head (here a canned answer over HTTP) and a write to MLflow (here a
database in a temporary directory). Printed is processor time of this process per tick, as a share
of one core at a tick each 10 s, and the number of requests.
"""

from __future__ import annotations

import http.server
import json
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path
from unittest import mock

from rayspace.core.node_metrics import node_labels, node_metrics
from rayspace.gateways.mlflow import MlflowRunGateway
from rayspace.runner.dashboard import Dashboard

_INTERVAL_S = 10.0
_TICKS = 5


def answer(n_nodes: int, n_gpus: int) -> bytes:
    """Make the answer of a head with this many nodes, as large as a real one."""
    gpu = {"name": "H200", "utilizationGpu": 30, "memoryUsed": 10240, "memoryTotal": 81920}
    nodes = [
        {
            "hostname": f"worker-{i}",
            "ip": f"10.0.{i // 256}.{i % 256}",
            "cpu": i % 100,
            "cpus": [96, 48],
            "mem": [2**40, 2**39, 50.0, 2**39],
            "disk": {"/": {"total": 2**42, "used": 2**41, "free": 2**41, "percent": 50.0}},
            "cmdline": ["raylet"] * 40,
            "gpus": [
                {**gpu, "index": g, "uuid": f"GPU-{i}-{g}", "powerMw": 350_000}
                for g in range(n_gpus)
            ],
            "raylet": {
                "nodeId": f"{i:056x}",
                "isHeadNode": i == 0,
                "state": "ALIVE",
                "resourcesTotal": {f"r{k}": k for k in range(8)},
            },
        }
        for i in range(n_nodes)
    ]
    return json.dumps({"data": {"summary": nodes}}).encode()


def main() -> None:
    """Measure, and print one line."""
    n_nodes = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    n_gpus = int(sys.argv[2]) if len(sys.argv) > 2 else 8
    body = answer(n_nodes, n_gpus)

    class Head(http.server.BaseHTTPRequestHandler):
        n_requests = 0

        def do_GET(self) -> None:
            type(self).n_requests += 1
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Head)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    dashboard = Dashboard(f"http://127.0.0.1:{server.server_port}", "", {})
    with tempfile.TemporaryDirectory() as name:
        runs = MlflowRunGateway(f"sqlite:///{name}/mlflow.db", Path(name))
        run_id = runs.create(experiment="bench", name="bench", tags={}, params={}).run_id
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        labels: dict[str, str] = {}
        reading, writing, n_metrics = [], [], 0
        with mock.patch.object(
            SqlAlchemyStore, "log_batch", autospec=True, side_effect=SqlAlchemyStore.log_batch
        ) as batches:
            for step in range(_TICKS):
                began_s = time.thread_time()
                summary = dashboard.get("/nodes?view=summary")
                labels = node_labels(summary, labels)
                metrics = node_metrics(summary, labels)
                read_s = time.thread_time()
                now_ms = time.time_ns() // 1_000_000
                runs.update(run_id, metrics=[(k, v, now_ms, step) for k, v in metrics.items()])
                reading.append(read_s - began_s)
                writing.append(time.thread_time() - read_s)
                n_metrics = len(metrics)
        read_s, write_s = statistics.median(reading), statistics.median(writing)
        print(
            f"{n_nodes} nodes x {n_gpus} GPUs: {len(body) / 2**20:.1f} MiB, {n_metrics} metrics;"
            f" per tick {read_s * 1000:.0f} ms to read and {write_s * 1000:.0f} ms to write"
            f" into a local database = {(read_s + write_s) / _INTERVAL_S:.1%} of a core"
            f" ({read_s / _INTERVAL_S:.1%} without the database);"
            f" {Head.n_requests / _TICKS:g} request and {batches.call_count / _TICKS:g} writes"
        )
        runs.close()
    server.shutdown()


if __name__ == "__main__":
    main()
