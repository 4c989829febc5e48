"""Count what it costs to track nodes: ``bench_tracked.py [--seconds S] [--pairs N] [--nodes N]``.

First, how much slower a loop of pure Python is while its own process tracks a cluster, with a
sample each 10 s as by default: blocks with and without it take turns, since a machine has moods.
The head is a recorded answer of Ray, multiplied, from a server in a process of its own; MLflow is a
database in a temporary directory.

Then the same nodes watched by MLflow's own monitor, which has to run on each of them: calls to the
tracking server and bytes, per tick of all nodes. Both talk to one server, which only counts.
"""

from __future__ import annotations

import argparse
import collections
import http.server
import json
import logging
import multiprocessing
import os
import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.model.run import RunStatus
from rayspace.runner.dashboard import Dashboard
from rayspace.tracked.session import TrackedSession, shown
from tests.bench.bench_sampler import serve

_INTERVAL_S = 10.0
_RUN = {
    "info": {
        "run_id": "r", "run_uuid": "r", "run_name": "r", "experiment_id": "0", "user_id": "u",
        "status": "RUNNING", "start_time": 1, "artifact_uri": "mlflow-artifacts:/0/r/artifacts",
        "lifecycle_stage": "active",
    },
    "data": {"metrics": [], "params": [], "tags": []},
    "inputs": {},
}  # fmt: skip


def head_url(n_nodes: int, n_gpus: int) -> tuple[str, Any]:
    """Start a head; return its address and its process."""
    context = multiprocessing.get_context("spawn")
    port = context.Queue()
    process = context.Process(target=serve, args=(n_nodes, n_gpus, port), daemon=True)
    process.start()
    return f"http://127.0.0.1:{port.get(timeout=60)}", process


def loops(seconds: float) -> float:
    """Work for so long [s], and return how many loops were done in a second of the processor. [1]

    By the clock on the wall other programs would count too.
    """
    began_s, used_s = time.perf_counter(), time.process_time()
    n = total = 0
    while time.perf_counter() - began_s < seconds:
        for i in range(20_000):
            total += i * i % 7
        n += 1
    return n / (time.process_time() - used_s)


def overhead(seconds: float, n_pairs: int, n_nodes: int) -> None:
    """Measure how much slower a loop is, and print a line."""
    url, head = head_url(n_nodes, 8)
    with tempfile.TemporaryDirectory() as name:
        runs = MlflowRunGateway(f"sqlite:///{name}/mlflow.db", Path(name))
        ratios, shares, n_samples = [], [], 0
        loops(2.0)
        for _ in range(n_pairs):
            alone = loops(seconds)
            record = runs.create(experiment="bench", name="bench", tags={}, params={})
            runs.set_status(record.run_id, RunStatus.RUNNING)
            tracked = shown(record, "bench", "local", "")
            session = TrackedSession(tracked, runs, Dashboard(url, "", {}), _INTERVAL_S)
            session.start()
            others_s = time.process_time() - time.thread_time()
            ratios.append(loops(seconds) / alone)
            shares.append((time.process_time() - time.thread_time() - others_s) / seconds)
            n_samples += session.end(RunStatus.FINISHED).n_samples
    head.terminate()
    print(
        f"{n_nodes} nodes x 8 GPUs, {n_samples} samples in {n_pairs} x {seconds:g} s: a loop of"
        f" Python is {1 / statistics.median(ratios) - 1:+.2%} slower"
        f" ({', '.join(f'{1 / r - 1:+.2%}' for r in ratios)}); threads of the session take"
        f" {statistics.median(shares):.2%} of a core"
    )


class Counter(http.server.ThreadingHTTPServer):
    """A tracking server that takes everything and counts it."""

    daemon_threads = True

    def __init__(self) -> None:
        self.calls: collections.Counter[str] = collections.Counter()
        self.n_bytes = self.n_metrics = 0
        self.lock = threading.Lock()
        super().__init__(("127.0.0.1", 0), _Counts)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Counts(http.server.BaseHTTPRequestHandler):
    server: Counter
    protocol_version = "HTTP/1.1"

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        kind = self.path.partition("?")[0].rpartition("mlflow/")[2]
        # The line and the headers travel too.
        head = len(self.requestline) + sum(len(k) + len(v) + 4 for k, v in self.headers.items())
        with self.server.lock:
            self.server.calls[kind] += 1
            self.server.n_bytes += head + len(body)
            if kind == "runs/log-batch":
                self.server.n_metrics += len(json.loads(body).get("metrics", []))
        answer = json.dumps({"run": _RUN} if kind == "runs/get" else {}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST = _answer  # noqa: N815  names of http.server

    def log_message(self, *_: object) -> None:
        pass


def side_by_side(n_nodes: int, n_ticks: int = 10) -> None:
    """Count calls and bytes of both, and print a line for each."""
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    from mlflow.system_metrics.system_metrics_monitor import SystemMetricsMonitor

    logging.getLogger("mlflow").setLevel(logging.ERROR)
    for who in ("rayspace", "MLflow's monitors"):
        counter = Counter()
        uri = f"http://127.0.0.1:{counter.server_port}"
        began_s = time.process_time()
        if who == "rayspace":
            url, head = head_url(n_nodes, 0)
            runs = MlflowRunGateway(uri, None)
            tracked = shown(runs.get("r"), "bench", "local", "")
            session = TrackedSession(tracked, runs, Dashboard(url, "", {}), _INTERVAL_S)
            for _ in range(n_ticks):
                session._sampler._sample()
                tags, metrics = session._reporter._take()
                assert session._reporter._write(tags, metrics)
            head.terminate()
            counter.calls["runs/get"] -= 1
        else:
            # Each node runs one; ten times as often as by default, to be done sooner.
            monitors = [
                SystemMetricsMonitor("r", 1.0, node_id=f"worker-{node}", tracking_uri=uri)
                for node in range(n_nodes)
            ]
            for monitor in monitors:
                monitor.start()
            time.sleep(n_ticks + 0.5)
            for monitor in monitors:
                monitor.finish()
        used_s = time.process_time() - began_s
        n_calls = sum(counter.calls.values())
        print(
            f"{n_nodes} nodes without GPUs, {who}: per tick {n_calls / n_ticks:.1f} calls"
            f" ({', '.join(f'{k} {v / n_ticks:.1f}' for k, v in counter.calls.items() if v)}),"
            f" {counter.n_bytes / n_ticks / 1000:.1f} kB, {counter.n_metrics / n_ticks:.0f} values;"
            f" {1000 * used_s / n_ticks:.0f} ms of CPU"
        )
        counter.shutdown()


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--pairs", type=int, default=4)
    parser.add_argument("--nodes", type=int, default=10)
    asked = parser.parse_args()
    side_by_side(asked.nodes)
    overhead(asked.seconds, asked.pairs, asked.nodes)


if __name__ == "__main__":
    main()
