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


def _submitted(person: Shipper, notebook: Path, path: Path) -> tuple[float, float]:
    """Return how long a submission takes until its bundle is uploaded, and from then on. [s]"""
    times: dict[str, float] = {}

    def report(stage: Stage) -> None:
        times.setdefault(f"{stage.key} {stage.state}", time.perf_counter())

    began_s = time.perf_counter()
    submitting = person.app.jobs.submit(
        notebook, target=person.target, profile="solo", include=[path.name], report=report
    )
    job = run(submitting)
    ended_s = time.perf_counter()
    run(person.app.jobs.stop(job.name))
    return ended_s - began_s, ended_s - times["upload done"]


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
        path = person.project / "weights.bin"
        path.write_bytes(os.urandom(_SIZE_BYTES))
        notebook = person.notebook("big.ipynb", "1")
        small = person.notebook("small.ipynb", "1")
        plain, whole, after, little = [], [], [], []
        for number in range(rounds):
            plain.append(_plain(person, path, number))
            whole_s, after_s = _submitted(person, notebook, path)
            whole.append(whole_s)
            after.append(after_s)
            little.append(_submitted(person, small, small)[0])
    one, other = statistics.median(plain), statistics.median(whole)
    sys.stdout.write(
        f"plain upload {one:.1f} s, submission with it {other:.1f} s: {one / other:.2f} of the"
        f" bytes per second; after the upload {statistics.median(after):.2f} s; a submission"
        f" without it {statistics.median(little):.2f} s\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
