"""Time the runner's engine beside plain papermill and bare nbclient, in one run, turn by turn.

It prints medians and ratios and asserts nothing: ``python tests/bench/bench_runner.py [rounds]``.
Libraries are imported before the clock starts; the start of the kernel counts.
"""

from __future__ import annotations

import copy
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbclient
import nbformat
import papermill
from nbformat.v4 import new_code_cell, new_notebook

from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.runner.engine import ENGINE_NAME, register
from rayspace.runner.execution import Execution
from rayspace.runner.log import RunnerLog
from rayspace.runner.observer import JobObserver
from rayspace.runner.prepare import prepared_notebook
from rayspace.runner.progress import ProgressMeter
from rayspace.runner.reporter import Reporter
from rayspace.runner.snapshots import Snapshots, SnapshotStore
from rayspace.runner.spool import Spool

if TYPE_CHECKING:
    from collections.abc import Callable

_ROUNDS = 3


def notebook(sources: list[str]) -> nbformat.NotebookNode:
    """Make a notebook of these cells."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    cells = [new_code_cell(source) for source in sources]
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def by_papermill(path: Path, directory: Path) -> None:
    """Execute as papermill does by default."""
    papermill.execute_notebook(str(path), str(directory / "out.ipynb"), progress_bar=False)


def by_nbclient(path: Path, directory: Path) -> None:
    """Execute with nothing around it, and write the result."""
    document = nbformat.read(path, as_version=4)
    nbclient.NotebookClient(document, kernel_name="python3").execute()
    nbformat.write(document, directory / "out.ipynb")


def by_rayspace(path: Path, directory: Path) -> None:
    """Execute as a job does: with log, progress, snapshots and the final write."""
    runs = MemoryRunGateway()
    run_id = runs.create(experiment="bench", name="bench", tags={}, params={}).run_id
    spool = Spool(directory)
    spool.results_dir.mkdir(exist_ok=True)
    with (directory / "driver.log").open("wb", buffering=0) as stream:
        log = RunnerLog(write=lambda content: (stream.write(content), None)[1])
        meter = ProgressMeter(time.monotonic())
        reporter = Reporter(runs, run_id, log, meter.read)
        reporter.start()
        store = SnapshotStore(spool, "out.ipynb", runs, run_id, log)
        snapshots = Snapshots(store)
        observer = JobObserver(log, meter, reporter.changed, snapshots, store, spool.write_kernel)
        document: Any = prepared_notebook(path, {}, "python3", "python")
        execution = Execution(observer=observer, runtime_dir=str(directory / "runtime"))
        papermill.engines.papermill_engines.execute_notebook_with_engine(
            ENGINE_NAME, document, "python3", progress_bar=False, execution=execution
        )
        snapshots.close(10)
        reporter.close(10)


def timed(run: Callable[[Path, Path], None], document: nbformat.NotebookNode) -> float:
    """Return how long one execution took. [s]"""
    with tempfile.TemporaryDirectory(prefix="rsb-") as name:
        directory = Path(name)
        path = directory / "in.ipynb"
        nbformat.write(copy.deepcopy(document), path)
        started_s = time.perf_counter()
        run(path, directory)
        elapsed_s = time.perf_counter() - started_s
        written = nbformat.read(next(p for p in directory.rglob("out.ipynb")), as_version=4)
        if not all(cell.outputs for cell in written.cells):
            message = f"{run.__name__} left cells without output"
            raise RuntimeError(message)
        return elapsed_s


def main() -> None:
    """Run all, and print a table."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else _ROUNDS
    register()
    runners = (by_papermill, by_rayspace, by_nbclient)
    cases = {
        "200 trivial cells": notebook([f"print({i})" for i in range(200)]),
        "40 cells of 1 MB": notebook(["print('x' * 1_000_000)"] * 40),
        "40 cells of 1 MB in lines": notebook(["print(('x' * 99 + '\\n') * 10_000)"] * 40),
    }
    timed(by_nbclient, notebook(["print(1)"]))
    head = ("papermill", "rayspace", "nbclient", "/papermill", "/nbclient")
    print(f"{'case':28}" + "".join(f"{word:>12}" for word in head))
    for name, document in cases.items():
        times: dict[str, list[float]] = {run.__name__: [] for run in runners}
        for _ in range(rounds):
            for run in runners:
                times[run.__name__].append(timed(run, document))
        plain, ours, bare = (statistics.median(times[run.__name__]) for run in runners)
        times_s = "".join(f"{time_s:11.2f}s" for time_s in (plain, ours, bare))
        print(f"{name:28}{times_s}{ours / plain:11.2f}x{ours / bare:11.2f}x")


if __name__ == "__main__":
    main()
