"""Many jobs at once on one cluster: Ray keeps waiting what its head has no room for."""

from __future__ import annotations

import json
import os
import subprocess
import sys

from rayspace.loop import run
from rayspace.model.job import JobPhase

#: More than there is room for; more still for who has the time.
N_JOBS = int(os.environ.get("RAYSPACE_TEST_N_JOBS", "9"))
#: Submits one and then all others at once; tells their names, and what the others needed beyond
#: the one. How much of the libraries' files is in memory, the kernel decides as it likes.
SUBMITS = """\
import asyncio, json, os, sys
from pathlib import Path
from rayspace.app import App
from rayspace.loop import run

app = App(Path(sys.argv[1]), os.environ)

async def submit(values):
    options = {"cluster": sys.argv[2]}
    jobs = (app.jobs.submit(sys.argv[3], {"n": n}, **options) for n in values)
    return [job.name for job in await asyncio.gather(*jobs)]

def memory_bytes(key):
    # Not getrusage's, which begins with the size of the process that started this one.
    lines = Path("/proc/self/status").read_text().splitlines()
    (line,) = (line for line in lines if line.startswith(key))
    return int(line.split()[1]) * 1024

names = run(submit([0]))
# From here on the peak is counted anew.
Path("/proc/self/clear_refs").write_text("5")
begin_bytes = memory_bytes("VmRSS")
names += run(submit(range(1, int(sys.argv[4]))))
print(json.dumps({"names": names, "more_bytes": memory_bytes("VmHWM") - begin_bytes}))
"""


def test_many_jobs_are_all_recorded_and_none_is_lost(lab) -> None:
    """As many run at a time as the head has room for."""
    notebook = lab.write(
        "small.ipynb",
        "import time, mlflow\nmlflow.log_metric('began_s', time.time())\ntime.sleep(0.5)",
        "mlflow.log_metric('ended_s', time.time())\nmlflow.log_metric('square', n * n)",
        parameters="n: int = 0",
    )
    words = (str(lab.app.project), lab.cluster, str(notebook), str(N_JOBS))
    done = subprocess.run(
        [sys.executable, "-c", SUBMITS, *words],
        env=dict(lab.app.environ),
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["more_bytes"] < 64 * 2**20
    assert len(set(told["names"])) == N_JOBS
    jobs = [run(lab.app.jobs.wait(name)) for name in told["names"]]
    assert {job.phase for job in jobs} == {JobPhase.SUCCEEDED}, jobs
    records = [lab.app.runs.get(job.run_id) for job in jobs]
    squares = {record.params["n"]: record.metrics["square"] for record in records}
    assert squares == {str(n): n * n for n in range(N_JOBS)}
    (head,) = run(lab.app.clusters.nodes(lab.cluster))
    times = [(record.metrics["began_s"], record.metrics["ended_s"]) for record in records]
    at_once = (sum(a <= begin < b for a, b in times) for begin, _ in times)
    assert 1 <= max(at_once) <= head.driver_slots < N_JOBS
