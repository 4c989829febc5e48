"""Eight GPUs on two real nodes, each with readings of its own: every number under the right node.

No machine here has a GPU: the nodes say that they have some, and a stand-in for NVIDIA's library in
the pods tells what the test wrote. All that is between that library and MLflow is real.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from rayspace.loop import run
from rayspace.model.job import JobPhase
from rayspace.model.run import RunStatus, Tag
from rayspace.tracked import tracking
from tests.cluster.conftest import made_namespace
from tests.cluster.images import RAY_GPU
from tests.cluster.team import Shipper, await_mlflow, bring_mlflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.client import Cluster
    from tests.cluster.conftest import Namespace

PROFILE = f"""\
description: A head and a worker on nodes of their own, four GPUs each.
image: {RAY_GPU}
head: {{cpus: 1, memory: 1500MiB, gpus: 4}}
workers: 1
cpus: 1
memory: 1GiB
gpus: 4
rayCluster:
  spec:
    headGroupSpec:
      template:
        spec:
          nodeSelector: {{kubernetes.io/hostname: node-a}}
          containers:
            - name: ray-head
              resources: {{requests: {{cpu: 200m}}}}
    workerGroupSpecs:
      - groupName: workers
        template:
          spec:
            nodeSelector: {{kubernetes.io/hostname: node-b}}
            containers:
              - name: ray-worker
                resources: {{requests: {{cpu: 200m}}}}
"""
N_GPUS = 4
#: Where the readings of a node begin: no two GPUs of both have a number in common.
HEAD, WORKER = 10, 60
#: Ray's agents look each 5 s, its head collects what they tell, and the runner asks each second.
WAIT = "import time; time.sleep(30)"


def readings(first: int) -> list[str]:
    """Return what the library shall tell: GPU i works first + i %, and so on."""
    return [
        f"{first + i} {100 * (first + i)} 81920 {1000 * (first + i)} {first + i} STAND-IN H200"
        for i in range(N_GPUS)
    ]


def expected(node: str, first: int) -> dict[str, float]:
    """Return the metrics that a run must hold of these readings."""
    found: dict[str, float] = {}
    for i in range(N_GPUS):
        prefix, number = f"system/{node}/gpu_{i}_", first + i
        found |= {
            f"{prefix}utilization_percentage": float(number),
            f"{prefix}memory_usage_megabytes": pytest.approx(100 * number * 2**20 / 10**6),
            f"{prefix}memory_usage_percentage": pytest.approx(100 * number / 81920 * 100),
            f"{prefix}memory_total_megabytes": pytest.approx(81920 * 2**20 / 10**6),
            f"{prefix}power_usage_watts": float(number),
            f"{prefix}temperature_celsius": float(number),
            f"{prefix}processes": 0.0,
        }
    return found


#: What somebody types at a laptop; the image of the pods does not hold this package.
TYPED = """\
%load_ext rayspace
%ray_cluster use eight --on {target}
import mlflow, ray, rayspace
ray.init(runtime_env={{"py_modules": [rayspace.__path__[0]]}}, logging_level="ERROR")
%ray_cluster track by-client --name client
@ray.remote(num_gpus=1)
def trial():
    with rayspace.child_run("far") as child:
        mlflow.log_metric("loss", 1.5)
        return child
child = ray.get(trial.remote())
# At once: what Ray brings from its workers would come in between.
print(f"CHILD {{child}}")
mlflow.log_metric("near", 2.5)
%ray_cluster untrack
"""


@pytest.fixture
def team(cluster: Cluster) -> Iterator[Namespace]:
    """Have a namespace with MLflow."""
    with made_namespace(cluster, "gpus") as namespace:
        bring_mlflow(namespace)
        await_mlflow(namespace)
        yield namespace


def set_readings(namespace: Namespace) -> None:
    """Write into each pod what its library tells."""
    for pod in namespace.items("pods", selector="ray.io/cluster=eight"):
        is_head = pod["metadata"]["labels"]["ray.io/node-type"] == "head"
        text = "".join(f"{line}\\n" for line in readings(HEAD if is_head else WORKER))
        words = ("exec", pod["metadata"]["name"], "--", "sh", "-c")
        namespace.kubectl(*words, f"printf '{text}' > /tmp/fake-gpus", user="admin")


def shown(person: Shipper) -> dict[tuple[str, str], float | None]:
    """Return how busy each GPU is, as `gpus` shows it."""
    nodes = run(person.clusters.nodes("eight"))
    return {(n.name, g.key): g.busy_fraction for n in nodes for g in n.gpu_samples}


def test_every_number_of_two_nodes_is_found_under_the_right_one(cluster, team, node_b, tmp_path):
    """In the run of a job, in those of sessions tracked from here, of a task, and in `gpus`."""
    person = Shipper(cluster, team, tmp_path)
    (person.project / ".rayspace" / "profiles" / "eight.yaml").write_text(PROFILE)
    settings = {"Rayspace": {"sample_interval_s": 1}}
    (person.project / ".rayspace" / "config.json").write_text(json.dumps(settings))
    with cluster.gpus("node-a", N_GPUS), cluster.gpus(node_b, N_GPUS):
        person.up("eight", profile="eight", ready="all")
        set_readings(team)
        want = {
            (node, f"gpu_{i}"): (first + i) / 100
            for node, first in (("head", HEAD), ("worker-0", WORKER))
            for i in range(N_GPUS)
        }
        team.until("both nodes tell", lambda: shown(person) == want)

        app = person.elsewhere()
        tracked = tracking.track(app, "by-hand", cluster="eight")
        try:
            job = person.submit(person.notebook("waits.ipynb", WAIT), cluster="eight").name
            assert person.ended(job).phase is JobPhase.SUCCEEDED
        finally:
            ended = tracking.untrack()

        runs = person.app.runs_of(person.target)
        for record in (person.record(job)[0], runs.get(tracked.run_id)):
            gpus = {k: v for k, v in record.metrics.items() if "/gpu_" in k and "system/" in k}
            per_gpu = {k: v for k, v in gpus.items() if not k.startswith("system/cluster/")}
            assert per_gpu == expected("head", HEAD) | expected("worker-0", WORKER)
            mean = (sum(range(HEAD, HEAD + 4)) + sum(range(WORKER, WORKER + 4))) / 8
            assert record.metrics["system/cluster/gpu_utilization_percentage"] == mean
            assert record.metrics["system/cluster/gpus"] == 8
            summary = json.loads(person.artifact(record.run_id, "metrics/summary.json"))
            peaks = {(g["node"], g["gpu"]): g["busy_peak_fraction"] for g in summary["gpus"]}
            assert peaks == want
        session = runs.get(tracked.run_id)
        assert session.status is RunStatus.FINISHED
        assert session.tags[Tag.CLUSTER] == "eight"
        assert ended.n_samples == len(runs.history(tracked.run_id, "system/cluster/gpus")) > 0
        assert ended.gpu_hours_held > 0
        typed = by_client(person)
        (parent,) = [r for r in runs.latest(experiment="by-client") if r.name == "client"]
        (child,) = runs.children(parent)
        assert (parent.status, parent.metrics["near"]) == (RunStatus.FINISHED, 2.5), typed
        assert parent.metrics["system/worker-0/gpu_3_power_usage_watts"] == WORKER + 3
        assert (child.name, child.status, child.metrics["loss"]) == ("far", RunStatus.FINISHED, 1.5)
        assert child.tags[Tag.GPU_IDS] in {"0", "1", "2", "3"}
        run(person.clusters.down("eight"))


def by_client(person: Shipper) -> str:
    """Type it into IPython, and return what it printed."""
    script = person.project / "typed.ipy"
    script.write_text(TYPED.format(target=person.target))
    words = [sys.executable, "-m", "IPython", "--no-banner", "--colors=NoColor", str(script)]
    done = subprocess.run(
        words, cwd=person.project, env=person.environ, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert "CHILD ChildRun" in done.stdout, done.stdout + done.stderr
    return done.stdout + done.stderr
