"""Turn answers of the head into metrics, and keep what the end of the job tells of them."""

from __future__ import annotations

import json
import socket
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.nodes.follower import NodeFollower
from rayspace.core.nodes.gpu_holding import each_gpu_once, jobs_of_programs, only_held
from rayspace.core.nodes.metrics import MAX_GPUS, node_metrics
from rayspace.core.nodes.readings import read_nodes
from rayspace.core.nodes.usage_meter import UsageMeter
from rayspace.core.nodes.usage_summary import summarise, usage_metrics
from rayspace.model.measurement import GpuChoice
from rayspace.model.run import Artifact
from rayspace.model.wire import to_wire
from rayspace.runner.processes import descends_from_us
from rayspace.runner.sample_file import SampleFile
from rayspace.runner.usage_page import usage_page

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.model.measurement import ClusterReading
    from rayspace.model.usage import UsageSummary
    from rayspace.runner.log import RunnerLog
    from rayspace.runner.spool import Spool

#: So often the summary is written while the job runs, for the day on which the runner is killed.
_WRITE_EVERY = 60
#: As many kinds of odd values are told of while the job runs; the summary has the others. [1]
_N_ODD_TOLD = 5
_SUMMARY, _PAGE, _SAMPLES = "summary.json", "summary.html", "samples.csv.gz"


class NodeRecord:
    """What a job's run is told of the nodes, and what it is told at the end.

    Parameters
    ----------
    spool
        Takes the files.
    title
        What the job is called.
    interval_s
        Time between two samples, as it is meant to be. [s]
    choice
        Which GPUs are told of.
    log
        Takes what people should know.
    keeps_summary
        Whether there is a summary at the end.
    price_per_hour
        What one worker costs an hour; None for unknown. [1]
    is_ours
        Tells whether a process of this machine belongs to the job.
    """

    def __init__(
        self,
        spool: Spool,
        title: str,
        interval_s: float,
        choice: GpuChoice,
        log: RunnerLog,
        *,
        keeps_summary: bool = True,
        price_per_hour: float | None = None,
        is_ours: Callable[[int], bool] = descends_from_us,
    ) -> None:
        self._spool = spool
        self._title = title
        self._choice = choice
        self._log = log
        self._keeps_summary = keeps_summary
        self._price_per_hour = price_per_hour
        self._is_ours = is_ours
        self._hostname = socket.gethostname()
        self._ray_jobs: set[str] = set()
        self._follower = NodeFollower()
        self._meter = UsageMeter(interval_s)
        self._samples = SampleFile(spool.metrics_dir / _SAMPLES)
        self._odd_told: set[tuple[str, str]] = set()
        #: The end may come while a sample is still awaited.
        self._lock = threading.Lock()

    def take(self, answer: object, at_ms: int) -> dict[str, float]:
        """Take an answer of the head.

        Parameters
        ----------
        answer
            Answer of the node summary.
        at_ms
            When it was given, by the head's clock. [ms since 1970-01-01 UTC]

        Returns
        -------
        dict
            Value by name of metric; none when the head told of no node.
        """
        with self._lock:
            told = read_nodes(answer)
            if not told.nodes:
                # A head that has just begun knows of none yet.
                self._meter.miss()
                return {}
            chosen = each_gpu_once(self._chosen(told))
            reading = self._follower.follow(chosen, at_ms / 1000)
            names = self._follower.names
            self._meter.add(reading, names, at_ms)
            self._tell_odd(reading)
            n_gpus = sum(len(node.gpus) for node in reading.nodes)
            if n_gpus > MAX_GPUS and self._keeps_summary:
                self._samples.add(reading, names, at_ms)
            if self._meter.n_samples % _WRITE_EVERY == 0:
                self._write()
            return node_metrics(reading, names, self._follower.first)

    def miss(self) -> None:
        """Count a sample that could not be taken."""
        with self._lock:
            self._meter.miss()

    def close(self) -> tuple[dict[str, float], int]:
        """Write the summary.

        Returns
        -------
        tuple
            Value by name of metric, and the time of the last sample.
            [ms since 1970-01-01 UTC]
        """
        with self._lock:
            if not self._keeps_summary or not self._meter.n_samples + self._meter.n_missed:
                return {}, 0
            return usage_metrics(self._write()), self._meter.last_ms

    def _chosen(self, reading: ClusterReading) -> ClusterReading:
        if self._choice is GpuChoice.ALL:
            return reading
        # A program that has ended held what it held; its actors may live on.
        self._ray_jobs |= jobs_of_programs(reading, self._hostname, self._is_ours)
        return only_held(reading, self._ray_jobs)

    def summary(self) -> UsageSummary:
        """Sum up what there is to tell up to now."""
        summary = summarise(self._meter, self._follower, self._choice, self._price_per_hour)
        more = []
        if self._choice is GpuChoice.MINE and not self._ray_jobs:
            more.append("Ray told of no program of this job, so no GPU counts as the job's.")
        if self._samples.n_left_out:
            more.append(f"{_SAMPLES} lacks {self._samples.n_left_out} samples: it had no room.")
        return replace(summary, sentences=(*summary.sentences, *more))

    def _write(self) -> UsageSummary:
        summary = self.summary()
        if not self._keeps_summary:
            return summary
        folder = self._spool.metrics_dir
        try:
            folder.mkdir(exist_ok=True)
            document = json.dumps(to_wire(summary), indent=1).encode()
            self._spool.write(folder / _SUMMARY, document)
            page = usage_page(summary, self._meter, self._title)
            self._spool.write(folder / _PAGE, page.encode())
        except OSError as exc:
            self._log.line(f"rayspace: {Artifact.METRICS_DIR}/{_SUMMARY} can't be written: {exc}")
        return summary

    def _tell_odd(self, reading: ClusterReading) -> None:
        for odd in reading.oddities:
            kind = (odd.node_id, odd.field)
            if kind not in self._odd_told and len(self._odd_told) < _N_ODD_TOLD:
                self._odd_told.add(kind)
                name = self._follower.names[odd.node_id]
                self._log.line(
                    f"rayspace: {name} tells {odd.field} as {odd.value}, which can't be true and"
                    " is left out."
                )
