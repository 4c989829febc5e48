"""Time the way of a bundle of 300 MB to a target: by a submission, and as a plain upload.

Both go by the same relay to the same MLflow. It prints medians and ratios and asserts nothing:
``python -m tests.bench.bench_upload [rounds]``, with a cluster of the tests that runs.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import requests

from rayspace.loop import run
from tests.cluster import front
from tests.cluster.conftest import made_namespace
from tests.cluster.team import Shipper, await_mlflow, bring_mlflow

if TYPE_CHECKING:
    from rayspace.model.progress import Stage

_SIZE_BYTES = 300 * 10**6


def _plain(person: Shipper, path: Path, number: int) -> float:
    """Return how long one PUT of the file takes. [s]"""
    server = run(person.app.tracking_of(person.target))
    url = f"{server.client_uri}/api/2.0/mlflow-artifacts/artifacts/plain/{number}/{path.name}"
    began_s = time.perf_counter()
    with path.open("rb") as stream:
        requests.put(url, data=stream, timeout=300).raise_for_status()
    return time.perf_counter() - began_s


def _submitted(person: Shipper, notebook: Path) -> tuple[float, float, float]:
    """Return how long a submission, its upload, and what comes after that take. [s]"""
    times: dict[str, float] = {}

    def report(stage: Stage) -> None:
        times.setdefault(f"{stage.key} {stage.state}", time.perf_counter())

    began_s = time.perf_counter()
    submitting = person.app.jobs.submit(
        notebook, target=person.target, profile="solo", report=report
    )
    job = run(submitting)
    ended_s = time.perf_counter()
    run(person.app.jobs.stop(job.name))
    uploaded_s = times["upload done"]
    return ended_s - began_s, uploaded_s - times["upload doing"], ended_s - uploaded_s


def main() -> int:
    """Measure in turns, so that both see the same machine."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    cluster = front.find()
    with (
        tempfile.TemporaryDirectory() as directory,
        made_namespace(cluster, "bench-upload") as namespace,
    ):
        bring_mlflow(namespace)
        await_mlflow(namespace)
        person = Shipper(cluster, namespace, Path(directory))
        project = person.project
        small = person.notebook("small.ipynb", "1")
        little = [_submitted(person, small)[0] for _ in range(rounds)]
        path = project / "weights.bin"
        path.write_bytes(os.urandom(_SIZE_BYTES))
        plain, whole, sent, after = [], [], [], []
        for number in range(rounds):
            plain.append(_plain(person, path, number))
            whole_s, sent_s, after_s = _submitted(person, small)
            whole.append(whole_s)
            sent.append(sent_s)
            after.append(after_s)
    one, other = statistics.median(plain), statistics.median(sent)
    sys.stdout.write(
        f"plain upload {one:.1f} s, that of a submission {other:.1f} s: {one / other:.2f} of the"
        f" bytes per second; the whole submission {statistics.median(whole):.1f} s, of which"
        f" {statistics.median(after):.2f} s after the upload; one without the file"
        f" {statistics.median(little):.1f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
