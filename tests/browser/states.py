"""States that real parts don't take at will, as the server would tell them."""

from __future__ import annotations

import asyncio
import json
import math
import re
import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayspace.model.cluster import (
    Activity,
    ClusterPhase,
    ClusterSpec,
    ClusterState,
    GpuSample,
    HeadAddress,
    Node,
    Origin,
    WorkerGroup,
)
from rayspace.model.job import Cause, JobPhase, JobState, Progress
from rayspace.model.problem import Evidence, Owner, Problem
from rayspace.model.profile import NodeResources, PodOptions
from rayspace.model.wire import to_wire
from tests.browser.notebooks import EVIL
from tests.waiting import PATIENCE_S

if TYPE_CHECKING:
    from playwright.async_api import Page, Route, WebSocketRoute

_GIB = 2**30
IMAGE_MISSING = Problem(
    "image_not_found",
    "The registry has no image rayproject/ray:2.60.0-py399.",
    "Choose one that exists: `rayspace cluster up sweep --image rayproject/ray:2.60.0-py312`",
    Owner.YOU,
    (Evidence("Pod", "sweep-head-x7k2p", "manifest unknown: tag 2.60.0-py399"),),
    is_final=True,
    is_about_head=True,
)


def now_ms() -> int:
    """Return the time. [ms since 1970-01-01 UTC]"""
    return int(time.time() * 1000)


def cluster(name: str, n_observed: int = 0, n_desired: int = 0, **changes: Any) -> ClusterState:
    """Return a cluster that is ready on this machine, for four minutes."""
    spec = ClusterSpec(name, "laptop", n_workers=n_desired)
    state = ClusterState(
        name=name,
        uid=name,
        target="local",
        phase=ClusterPhase.READY,
        reason="",
        profile="laptop",
        origin=Origin.STARTED,
        project="/work",
        address=HeadAddress("", "", ""),
        groups=(WorkerGroup("workers", n_desired, n_desired, n_observed),) if n_desired else (),
        started_ms=now_ms() - 245_000,
        pid=1,
        python="",
        ray_version="2.60.0",
        python_version="3.12.1",
        log_dir="",
        spec=spec,
    )
    return replace(state, **changes)


def clusters() -> list[ClusterState]:
    """Return one of each kind that people see."""
    far = {"target": "team-a", "namespace": "team-a", "owner": "alice"}
    gpus = ClusterSpec(
        "train-gpu",
        "gpu-small",
        worker=NodeResources(cpus=8, gpus=2),
        n_workers=4,
        pods=PodOptions(idle_s=1800, price_per_hour=2.4),
    )
    now = now_ms()
    idle = Activity(
        *(now, (), now + 18 * 60_000 + 5000, "none"), idle_since_ms=now - 12 * 60_000 - 5000
    )
    return [
        cluster("laptop", 2, 2),
        cluster("train-gpu", 3, 4, spec=gpus, activity=idle, **far),
        cluster("sweep", 0, 8, phase=ClusterPhase.STARTING, problems=(IMAGE_MISSING,), **far),
        cluster("nightly", 0, 16, phase=ClusterPhase.QUEUED, **far),
        cluster("old-idea", 0, 2, phase=ClusterPhase.SUSPENDED, **far),
    ]


def nodes() -> list[Node]:
    """Return a head and two workers with GPUs."""

    def node(index: int, cpu: float, memory: float, *busy: float) -> Node:
        gpus = tuple(
            GpuSample(
                *(i, "NVIDIA H200", share, int(share * 80 * _GIB), 80 * _GIB, 350.0, 60.0),
                key=f"gpu_{i}",
                n_processes=1,
            )
            for i, share in enumerate(busy)
        )
        total = 64 * _GIB
        address = f"10.0.0.{index + 4}"
        return Node(
            *(f"n{index}", address, f"node-{index}", index == 0, True, 8.0, float(len(busy))),
            *(total, cpu, int(memory * total), total, gpus),
            name=f"gpu-worker-{index - 1}" if index else "head",
        )

    return [node(0, 0.12, 0.2), node(1, 0.86, 0.55, 0.97, 0.94), node(2, 0.79, 0.51, 0.91, 0.0)]


def courses() -> list[dict[str, Any]]:
    """Return how these went: the last GPU has done nothing for longer than most people want."""

    def course(now: float, calm: float = 0.06) -> list[float]:
        return [max(0.0, now - calm * (1 + math.sin(1.3 * i + 9 * now))) for i in range(60)]

    found = []
    for node in nodes():
        gpus = [
            {
                "key": gpu.key,
                "busy_fractions": course(gpu.busy_fraction or 0.0),
                "idle_s": 0.0 if gpu.busy_fraction else 2820.0,
            }
            for gpu in node.gpu_samples
        ]
        used = course(node.cpu_used_fraction)
        found.append(
            {"node_id": node.node_id, "span_s": 300.0, "cpu_fractions": used, "gpus": gpus}
        )
    return found


def job(name: str, phase: JobPhase, minutes_ago: float, **changes: Any) -> JobState:
    """Return a job of train.ipynb."""
    began = now_ms() - int(minutes_ago * 60_000)
    state = JobState(
        *(name, phase, Cause.NONE, "", "train.ipynb", "train-gpu", "team-a", "gpu-small"),
        *(name, "churn", "", {"lr": "0.1", "layers": "[64, 32]"}, None),
        *(began - 9000, began, 0, began, -1, "", ""),
        experiment_id="1",
    )
    return replace(state, **changes)


def jobs() -> list[JobState]:
    """Return one that runs, one that waits, and some that ended."""
    ago = now_ms()
    failed = f"ValueError in cell 7: {EVIL}"
    return [
        job(
            "train-n6qsf",
            JobPhase.RUNNING,
            6.2,
            progress=Progress(6, 12, 7, "model.fit(X, y)", 372.0, 41.0),
        ),
        job(
            "sweep-k2d8w",
            JobPhase.PENDING,
            2,
            started_ms=0,
            notebook="sweep.ipynb",
            reason="Waits for its turn: place 3 in the queue team-queue.",
        ),
        job("train-a91xz", JobPhase.SUCCEEDED, 65, ended_ms=ago - 40 * 60_000),
        job(
            "prepare-77dpt",
            JobPhase.FAILED,
            130,
            ended_ms=ago - 128 * 60_000,
            notebook="prepare.ipynb",
            reason=failed,
            cause=Cause.CELL_ERROR,
            failed_cell=7,
        ),
    ]


def runs() -> dict[str, Any]:
    """Return runs of two experiments with curves."""

    def run(name: str, experiment: str, status: str, best: float, minutes_ago: float) -> Any:
        curve = [
            [step, best * (1 - math.exp(-(step + 2) / 9)) + 0.01 * math.sin(step * 1.7)]
            for step in range(40)
        ]
        loss = [[step, 2.1 * math.exp(-step / 12) + 0.05 * math.cos(step)] for step in range(40)]
        ended = now_ms() - int(minutes_ago * 60_000)
        return {
            "run_id": name,
            "name": name,
            "experiment_id": experiment,
            "experiment": experiment,
            "status": status,
            "started_ms": ended - 600_000,
            "ended_ms": 0 if status == "RUNNING" else ended,
            "job": name,
            "parameters": {},
            "metrics": [
                {"key": "accuracy", "value": curve[-1][1], "points": curve},
                {"key": "loss", "value": loss[-1][1], "points": loss},
            ],
            "link": f"rayspace/proxy/mlflow/team-a/#/experiments/1/runs/{name}",
        }

    return {
        "target": "local",
        "tracking_uri": "",
        "link": "rayspace/proxy/mlflow/local/",
        "runs": [
            run("train-n6qsf", "churn", "RUNNING", 0.91, 1),
            run("train-a91xz", "churn", "FINISHED", 0.88, 40),
            run("train-07hhg", "churn", "FAILED", 0.61, 200),
            run("forecast-3kd0s", "demand", "FINISHED", 0.97, 3000),
        ],
    }


class Asked:
    """Takes what the panel asks of the server, and accepts it."""

    def __init__(self) -> None:
        self._bodies: dict[str, Any] = {}
        self._came = asyncio.Event()

    @property
    def count(self) -> int:
        """How many different wishes came. [1]"""
        return len(self._bodies)

    def forget(self) -> None:
        """Forget what came."""
        self._bodies.clear()

    async def answer(self, route: Route) -> None:
        """Take one wish."""
        verb = route.request.url.partition("?")[0].rpartition("/")[2]
        self._bodies[verb] = route.request.post_data_json
        self._came.set()
        operation = {"id": verb, "verb": verb, "target": "", "name": "", "state": "done",
                     "stages": [], "result": None, "error": None, "started_ms": 0,
                     "ended_ms": 0}  # fmt: skip
        await route.fulfill(status=202, json=operation)

    async def until(self, verb: str) -> dict[str, Any]:
        """Return the body of a wish once it came."""
        async with asyncio.timeout(PATIENCE_S):
            while verb not in self._bodies:
                self._came.clear()
                await self._came.wait()
        body: dict[str, Any] = self._bodies[verb]
        return body


class Told:
    """Answers in place of the server, for one page.

    Parameters
    ----------
    known
        The clusters.
    """

    def __init__(self, known: list[ClusterState] | None = None) -> None:
        self.clusters = clusters() if known is None else known
        self.seq = 1
        self._socket: WebSocketRoute | None = None

    async def answer(self, page: Page) -> None:
        """Answer from now on."""
        await page.route_web_socket(re.compile("/rayspace/changes"), self._listen)
        await page.route(re.compile(r"/rayspace/runs"), self._runs)
        await page.route(re.compile(r"/rayspace/clusters/[^/]+/[^/?]+(\?.*)?$"), self._detail)

    def say(self, kind: str, data: Any) -> None:
        """Let the stream tell something."""
        assert self._socket is not None
        message = {"epoch": "told", "seq": self.seq, "kind": kind, "data": to_wire(data)}
        self.seq += 1
        self._socket.send(json.dumps(message))

    def _listen(self, socket: WebSocketRoute) -> None:
        self._socket = socket
        targets = [
            {"name": "local", "source": "machine", "state": "answers"},
            {"name": "team-a", "source": "settings", "state": "answers"},
        ]
        more = {"context": "", "namespace": "", "access": "auto", "url": "", "problem": None}
        self.say(
            "snapshot",
            {
                "clusters": self.clusters,
                "chosen": [{"project": "", "target": "team-a", "name": "train-gpu"}],
                "jobs": [{**to_wire(job), "projects": [""]} for job in jobs()],
                "jobs_problems": [],
                "targets": [{**target, **more} for target in targets],
                "operations": [],
            },
        )

    async def _runs(self, route: Route) -> None:
        await route.fulfill(json=runs())

    async def _detail(self, route: Route) -> None:
        name = route.request.url.partition("?")[0].rpartition("/")[2]
        found = next(cluster for cluster in self.clusters if cluster.name == name)
        is_ready = found.phase is ClusterPhase.READY
        await route.fulfill(
            json={
                "cluster": to_wire(found),
                "nodes": to_wire(nodes() if is_ready else []),
                "courses": courses() if is_ready and found.target != "local" else [],
                "nodes_problem": None,
                "dashboard": "",
            }
        )
