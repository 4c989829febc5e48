"""Workers that come when tasks ask for them and go when none does, on a real Kubernetes."""

from __future__ import annotations

import subprocess

import pytest

from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase
from tests.cluster.images import RAY
from tests.cluster.test_product import Person
from tests.waiting import SLOW_S

#: No task runs on the head, so that each asks for a worker. Its memory does not hold two more.
PROFILE = f"""\
description: A head, and up to two workers as tasks need them.
image: {RAY}
head: {{cpus: 0, memory: 2GiB}}
workers: 0:2
cpus: 0.6
memory: 1GiB
idle: 1h
rayCluster: {{spec: {{autoscalerOptions: {{idleTimeoutSeconds: 5}}}}}}
"""
_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"
_TASK = """
import ray, sys
ray.init(log_to_driver=False)
@ray.remote(num_cpus=1)
class Where:
    def ip(self):
        return ray.util.get_node_ip_address()
where = Where.remote()
print("RAN ON", ray.get(where.ip.remote()), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def person(cluster, namespace, tmp_path):
    made = Person(cluster, namespace, tmp_path)
    profiles = made.app.project / ".rayspace" / "profiles"
    (profiles / "by-need.yaml").write_text(PROFILE)
    return made


def test_workers_come_with_tasks_and_go_without(person):
    """From none to one and back, within bounds that can be changed while it runs."""
    state = person.up("auto", "by-need")
    assert state.phase is ClusterPhase.READY
    assert bounds(person) == (0, 0, 2, 0)
    head = head_of(person)
    task = person.namespace.cluster.command(
        *("exec", "-i", head, "-c", "ray-head", "--", "python", "-c", _TASK),
        namespace=person.namespace.name,
    )
    with subprocess.Popen(
        task,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as run_:
        person.namespace.until("a worker was asked for", lambda: bounds(person)[0] == 1)
        assert any("RAN ON" in line for line in run_.stdout)
        person.namespace.until("the worker is seen", lambda: bounds(person)[3] == 1)
        run_.communicate(timeout=SLOW_S)
    person.namespace.until("the worker goes", lambda: workers(person) == [])
    person.namespace.until("nobody asks for it", lambda: bounds(person) == (0, 0, 2, 0))
    # One is wanted always, and Ray's autoscaler makes it so without any task.
    scaled = run(person.clusters.scale("auto", workers=1, max_workers=3, wait_timeout_s=SLOW_S))
    (group,) = scaled.groups
    assert (group.n_requested, group.n_min, group.n_max) == (1, 1, 3)
    person.namespace.until("the worker is there", lambda: len(workers(person)) == 1)


def test_the_account_is_the_autoscalers_and_the_watchers_alone(person):
    """What people run in the head has no rights on the namespace; both others work beside it."""
    person.up("auto", "by-need")
    head = head_of(person)
    found = {
        container: person.namespace.try_kubectl(
            "exec", head, "-c", container, "--", "test", "-e", f"{_ACCOUNT_DIR}/token", user="admin"
        ).returncode
        for container in ("ray-head", "autoscaler", "rayspace-watcher")
    }
    assert found == {"ray-head": 1, "autoscaler": 0, "rayspace-watcher": 0}
    person.namespace.until("the watcher sees it", lambda: run(person.clusters.status()).activity)


def bounds(person) -> tuple[int, int, int, int]:
    """Return what is asked for, the bounds and what is there, of the only group. [1]"""
    (group,) = run(person.clusters.status("auto")).groups
    return group.n_requested, group.n_min, group.n_max, group.n_observed


def head_of(person) -> str:
    """Return the name of the head's pod."""
    (head,) = person.namespace.items("pods", selector="ray.io/node-type=head")
    return str(head["metadata"]["name"])


def workers(person) -> list[str]:
    """Return the names of the workers' pods."""
    items = person.namespace.items("pods", selector="ray.io/node-type=worker")
    return [item["metadata"]["name"] for item in items]
