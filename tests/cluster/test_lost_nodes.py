"""A node that is lost under a job: nobody says goodbye, and Kubernetes believes it for a while."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from rayspace.core.jobs import ray_job_verdict
from rayspace.model.job import Cause, JobPhase
from rayspace.model.run import Artifact
from tests.cluster.conftest import made_namespace
from tests.cluster.images import RAY
from tests.cluster.team import Shipper, await_mlflow, bring_mlflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.client import Cluster
    from tests.cluster.conftest import Namespace

#: Kubernetes waits for five minutes before it takes pods of a lost node away; here for seconds.
_TOLERATES = """\
tolerations:
                - {key: node.kubernetes.io/unreachable, operator: Exists, effect: NoExecute,
                   tolerationSeconds: 5}
                - {key: node.kubernetes.io/not-ready, operator: Exists, effect: NoExecute,
                   tolerationSeconds: 5}"""
#: One pod of it is where the test wants it.
PROFILE = """\
description: A head and perhaps a worker.
image: {image}
head: {{cpus: 1, memory: 1400MiB}}
workers: {workers}
cpus: 1
memory: 1GiB
rayCluster:
  spec:
    headGroupSpec:
      template:
        spec:
          nodeSelector: {{kubernetes.io/hostname: {head}}}
          {tolerates}
          containers:
            - name: ray-head
              resources: {{requests: {{cpu: 200m}}}}
"""
WORKER = """\
    workerGroupSpecs:
      - groupName: workers
        template:
          spec:
            nodeSelector: {kubernetes.io/hostname: node-b}
            containers:
              - name: ray-worker
                resources: {requests: {cpu: 200m}}
"""
#: Runs where the worker is, as long as that is there.
TASKS = """\
import mlflow, os, ray, socket, time
ray.init(log_to_driver=False)
@ray.remote(num_cpus=1)
def where(number):
    import mlflow, socket, time
    mlflow.log_text("", f"tasks/{number}-{socket.gethostname()}.txt")
    time.sleep(45 if "head" not in socket.gethostname() else 3)
    return socket.gethostname()
print(len(ray.get([where.remote(n) for n in range(2)])), "results")
"""
COUNTS = """\
import time
for i in range(900):
    print("second", i, flush=True)
    time.sleep(1)
"""


@pytest.fixture
def team(cluster: Cluster) -> Iterator[Namespace]:
    """Have a namespace whose MLflow is on the node that stays."""
    with made_namespace(cluster, "lost") as namespace:
        bring_mlflow(namespace)
        await_mlflow(namespace)
        yield namespace


def test_a_node_lost_under_a_worker_and_under_a_head(cluster, team, node_b, tmp_path, monkeypatch):
    """Ray runs tasks once more; a notebook is cut off, and what it had is there."""
    monkeypatch.setattr(ray_job_verdict, "LOST_NODE_MS", 60_000)
    person = Shipper(cluster, team, tmp_path)
    profiles = person.project / ".rayspace" / "profiles"
    tolerates = _TOLERATES.replace("\n      ", "\n")
    near = PROFILE.format(image=RAY, workers=1, head="node-a", tolerates=tolerates)
    far = PROFILE.format(image=RAY, workers=0, head=node_b, tolerates=tolerates)
    (profiles / "near.yaml").write_text(near + WORKER)
    (profiles / "far.yaml").write_text(far)
    worker = person.submit(person.notebook("tasks.ipynb", TASKS), profile="near").name
    head = person.submit(person.notebook("counts.ipynb", COUNTS), profile="far").name
    person.in_cell(head, 1)
    person.in_cell(worker, 1)

    def has_begun() -> bool:
        record, _, _ = person.record(worker)
        return len(person.app.runs_of(person.target).artifacts(record.run_id, "tasks")) == 2

    team.until("both tasks", has_begun)

    def is_kept() -> bool:
        record, _, files = person.record(head)
        path = "results/counts.ipynb"
        return path in files and "second 1" in person.artifact(record.run_id, path)

    team.until("a snapshot", is_kept)
    cluster.order("stop", node_b)
    lost = person.ended(head, 400)
    assert (lost.phase, lost.cause) == (JobPhase.FAILED, Cause.HEAD_LOST), lost
    record, _, _ = person.record(head)
    notebook = json.loads(person.artifact(record.run_id, "results/counts.ipynb"))
    assert "second 1" in json.dumps(notebook)
    ended = person.ended(worker, 400)
    assert (ended.phase, ended.cause) == (JobPhase.SUCCEEDED, Cause.NONE), ended
    record, _, _ = person.record(worker)
    assert "2 results" in person.artifact(record.run_id, Artifact.DRIVER_LOG)
