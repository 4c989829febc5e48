"""A place to run jobs without Ray: a tracking server, and the runner as a real process."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.job import JobOrder
from rayspace.model.run import Artifact, Tag
from rayspace.model.wire import to_wire
from rayspace.runner.attempt import Attempt
from rayspace.runner.log import RunnerLog
from rayspace.runner.prepare import settle_libraries
from rayspace.runner.settings import RunnerSettings
from rayspace.runner.spool import Spool
from rayspace.runner.stopping import StopSignals
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.job import Verdict
    from rayspace.model.run import RunRecord

settle_libraries()
WORKSPACE = Path(__file__).parents[2] / "workspace"


def notebook(*sources: str, parameters: str = "", language: str = "python") -> Any:
    """Make a notebook of code cells; the first may be the one with parameters."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": language}
    cells = [new_code_cell(source) for source in sources]
    if parameters:
        cells.insert(0, new_code_cell(parameters, metadata={"tags": ["parameters"]}))
    cells.insert(0, new_markdown_cell("# A notebook"))
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


@dataclasses.dataclass
class Workshop:
    """Puts jobs on record and runs them."""

    directory: Path
    runs: RunGateway
    environment: dict[str, str]
    program: tuple[str, ...] = (sys.executable, "-m", "rayspace.runner")

    def submit(
        self, document: Any, files: dict[str, str] | None = None, **changes: Any
    ) -> RunRecord:
        """Put a job on record, as `rayspace job submit` does."""
        order = JobOrder(
            **{
                "name": "train-1",
                "notebook": "train.ipynb",
                "bundle": Artifact.BUNDLE,
                **changes,
            }
        )
        record = self.runs.create(
            experiment="lab",
            name=order.name,
            tags={Tag.JOB: order.name},
            params={key: str(value) for key, value in order.parameters.items()},
        )
        source = self.directory / f"source-{record.run_id}"
        path = source / order.notebook
        path.parent.mkdir(parents=True)
        nbformat.write(document, path)
        for name, text in (files or {}).items():
            (source / name).parent.mkdir(parents=True, exist_ok=True)
            (source / name).write_text(text)
        bundle = self.directory / Path(Artifact.BUNDLE).name
        with tarfile.open(bundle, "w:gz") as archive:
            for item in sorted(source.iterdir()):
                archive.add(item, item.name)
        job = self.directory / Path(Artifact.ORDER).name
        job.write_text(json.dumps(to_wire(order)))
        for item in (bundle, job):
            self.runs.upload(record.run_id, item, "rayspace")
        return record

    def start(self, record: RunRecord, **environment: str) -> subprocess.Popen[bytes]:
        """Start the runner of a job."""
        return subprocess.Popen(
            self.program,
            env={**self.environment, "RAYSPACE_RUN_ID": record.run_id, **environment},
            stdout=(self.directory / "ray.log").open("ab"),
            stderr=subprocess.STDOUT,
            cwd=self.directory,
        )

    def run(self, record: RunRecord, **environment: str) -> Result:
        """Run a job to its end, in processes of its own."""
        return self.finish(record, self.start(record, **environment))

    def attempt(
        self, record: RunRecord, signals: StopSignals | None = None, **environment: str
    ) -> Result:
        """Run one attempt at a job in this process: all of the runner but its supervisor."""
        spool = Spool.create(record.run_id)
        inherited = {
            **self.environment,
            "RAYSPACE_RUN_ID": record.run_id,
            "RAYSPACE_SPOOL": str(spool.directory),
            **environment,
        }

        def write(content: bytes) -> None:
            with spool.driver_log.open("ab") as stream:
                stream.write(content)

        settings = RunnerSettings.from_environment(inherited)
        log = RunnerLog(write, settings.secrets)
        attempt = Attempt(
            settings, inherited, self.runs, log, signals or StopSignals(), time.monotonic()
        )
        exit_code = attempt.run()
        if isinstance(self.runs, MemoryRunGateway):
            self.runs.is_away = False
        result = self.result(record, exit_code)
        result.left = {
            path.relative_to(spool.directory).as_posix(): path.read_text()
            for pattern in ("*.json", "*.log", "results/*")
            for path in spool.directory.glob(pattern)
        }
        result.verdict = spool.verdict
        result.is_stored = spool.is_stored
        spool.remove()
        return result

    def finish(
        self, record: RunRecord, process: subprocess.Popen[bytes], patience_s: float = PATIENCE_S
    ) -> Result:
        """Wait for a job's end and read what it left."""
        try:
            exit_code = process.wait(patience_s)
        finally:
            if process.poll() is None:
                process.kill()
        return self.result(record, exit_code)

    def result(self, record: RunRecord, exit_code: int = -1) -> Result:
        """Read what a job has left so far."""
        found = self.directory / f"found-{time.monotonic_ns()}"
        artifacts = self.runs.artifacts(record.run_id)
        files = {
            name: self.runs.download(record.run_id, name, found)
            for name in artifacts
            if not name.startswith("rayspace/")
        }
        return Result(exit_code, self.runs.get(record.run_id), files, self.spools())

    def spools(self) -> list[Path]:
        """List the spools that are there."""
        return sorted(Path(self.environment["TMPDIR"]).glob("rayspace-job-*"))

    def live_log(self) -> str:
        """Return what the job that runs has logged so far."""
        logs = Path(self.environment["TMPDIR"]).glob("rayspace-job-*/driver.log")
        return "".join(path.read_text() for path in logs)

    def children(self, record: RunRecord) -> list[RunRecord]:
        """List child runs, the oldest first."""
        return self.runs.children(record)[::-1]


@dataclasses.dataclass
class Result:
    """What a job left."""

    exit_code: int
    run: RunRecord
    files: dict[str, Path]
    spools: list[Path]
    verdict: Verdict | None = None
    left: dict[str, str] = dataclasses.field(default_factory=dict)
    is_stored: bool = False

    @property
    def notebook(self) -> Any:
        """The executed notebook."""
        return nbformat.read(self.files["results/train.ipynb"], as_version=4)

    @property
    def cells(self) -> list[tuple[str, str]]:
        """First line and status of each cell of the executed notebook."""
        return [
            (cell.source.partition("\n")[0][:30], cell.metadata.get("papermill", {}).get("status"))
            for cell in self.notebook.cells
        ]

    @property
    def log(self) -> str:
        """The log of the job."""
        return self.files[Artifact.DRIVER_LOG].read_text()

    def text(self, source: str) -> str:
        """All that the cell whose source holds these words has printed."""
        cell = next(c for c in self.notebook.cells if c.cell_type == "code" and source in c.source)
        return "".join(output.get("text", "") for output in cell.outputs)

    def tag(self, name: str) -> str:
        """A tag of the run; empty when missing."""
        return self.run.tags.get(name, "")


def runner_environment(directory: Path, tracking_uri: str) -> dict[str, str]:
    """Return the environment of a runner: ours without Ray, MLflow and jobs of others."""
    foreign = ("RAY", "MLFLOW", "PYTEST", "MPLBACKEND")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    # Short, since sockets of kernels lie below it.
    temporary = tempfile.mkdtemp(prefix="rs-", dir="/tmp")
    return {
        **kept,
        "HOME": str(directory),
        "TMPDIR": temporary,
        "PYTHONPATH": str(WORKSPACE),
        "PYTHONUNBUFFERED": "1",
        "MLFLOW_TRACKING_URI": tracking_uri,
        "RAYSPACE_RUNNER_PATH": str(WORKSPACE),
    }
