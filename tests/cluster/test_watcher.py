"""Real clusters that suspend themselves, with the rights that the product ships."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import time

import pytest

from rayspace.core.clusters.activity import Annotation
from rayspace.gateways.watcher_archive import watcher_archive
from rayspace.loop import run
from tests.cluster import kueue
from tests.cluster.images import RAY
from tests.cluster.samples import raycluster
from tests.cluster.test_kueue import workload
from tests.cluster.test_product import Person
from tests.cluster.test_ray import apply, condition

_ACCOUNT_DIR = "/var/run/secrets/kubernetes.io/serviceaccount"
_SLEEPING_DRIVER = "import ray, time; ray.init(); print('ATTACHED', flush=True); time.sleep(600)"
_RUNNING_TASK = (
    "import ray, time; ray.init(); x = ray.remote(lambda: time.sleep(15)).remote(); "
    "print('ATTACHED', time.time_ns() // 10**6, flush=True); ray.get(x); time.sleep(600)"
)
_SUBMIT = """
import json, os, urllib.request
body = json.dumps({"entrypoint": "sleep 600", "submission_id": "long"}).encode()
headers = {"Authorization": "Bearer " + os.environ["RAY_AUTH_TOKEN"],
           "Content-Type": "application/json"}
request = urllib.request.Request("http://127.0.0.1:8265/api/jobs/", body, headers)
print(urllib.request.urlopen(request).read().decode())
"""


@pytest.fixture
def start(namespace, tmp_path):
    """Start clusters of a head and its watcher, and end what was started beside them."""
    archive = base64.b64encode(watcher_archive(tmp_path / "watcher.zip").read_bytes()).decode()
    apply(
        namespace,
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "watcher"},
            "data": {"watcher.zip": archive},
        },
    )

    def make(name: str, *, queue: str = "", is_kept: bool = False, **environment: str) -> None:
        document = raycluster(name, workers=0)
        if is_kept:
            document["metadata"]["annotations"] = {Annotation.EXTENDED_UNTIL: str(10**15)}
        if queue:
            document["metadata"]["labels"] = {"kueue.x-k8s.io/queue-name": queue}
        add_watcher(document, environment)
        apply(namespace, document)
        namespace.until(f"{name} has a head", lambda: is_head_ready(namespace, name))

    return make


@pytest.fixture
def attach(namespace):
    """Run programs in heads, and end them with the test."""
    processes = []

    def run(name: str, code: str) -> str:
        (pod,) = pods(namespace, name)
        words = ("exec", pod, "-c", "ray-head", "--", "python", "-c", code)
        command = namespace.cluster.command(*words, namespace=namespace.name)
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        processes.append(process)
        said = next((line for line in process.stdout if "ATTACHED" in line), "")
        assert said, "the program ended"
        return said

    yield run
    for process in processes:
        process.kill()
        process.communicate()


def add_watcher(document: dict, environment: dict[str, str]) -> None:
    """Put the watcher beside the head: only its container holds the account's token."""
    pod = document["spec"]["headGroupSpec"]["template"]["spec"]
    name = document["metadata"]["name"]
    values = {"RAY_CLUSTER_NAME": name, "RAYSPACE_WATCH_INTERVAL_S": "1", **environment}
    token = {"secretKeyRef": {"name": name, "key": "auth_token"}}
    namespace = {"path": "namespace", "fieldRef": {"fieldPath": "metadata.namespace"}}
    certificate = {"key": "ca.crt", "path": "ca.crt"}
    sources = [
        {"serviceAccountToken": {"path": "token"}},
        {"configMap": {"name": "kube-root-ca.crt", "items": [certificate]}},
        {"downwardAPI": {"items": [namespace]}},
    ]
    pod["serviceAccountName"] = "rayspace-head"
    pod["automountServiceAccountToken"] = False
    pod["volumes"] = [
        {"name": "watcher", "secret": {"secretName": "watcher"}},
        {"name": "account", "projected": {"sources": sources}},
    ]
    pod["containers"].append(
        {
            "name": "rayspace-watcher",
            "image": RAY,
            "imagePullPolicy": "Never",
            "command": ["python", "/opt/rayspace/watcher.zip"],
            "env": [
                {"name": "RAY_AUTH_TOKEN", "valueFrom": token},
                *({"name": key, "value": value} for key, value in values.items()),
            ],
            "resources": {
                "requests": {"cpu": "10m", "memory": "32Mi"},
                "limits": {"cpu": "200m", "memory": "64Mi"},
            },
            "volumeMounts": [
                {"name": "watcher", "mountPath": "/opt/rayspace", "readOnly": True},
                {"name": "account", "mountPath": _ACCOUNT_DIR, "readOnly": True},
            ],
        }
    )


def pods(namespace, name: str) -> list[str]:
    """Return the names of a cluster's pods."""
    items = namespace.items("pods", selector=f"ray.io/cluster={name}")
    return [item["metadata"]["name"] for item in items]


def is_head_ready(namespace, name: str) -> bool:
    """Tell whether a cluster has a head that answers."""
    return condition(namespace.read("rayclusters", name), "HeadPodReady").get("status") == "True"


def is_suspended(namespace, name: str) -> bool:
    """Tell whether a cluster is to be suspended."""
    return bool(namespace.read("rayclusters", name)["spec"].get("suspend"))


def annotation(namespace, name: str, key: str) -> str:
    """Return an annotation of ours; empty for none."""
    found = namespace.read("rayclusters", name)["metadata"].get("annotations") or {}
    return found.get(f"rayspace.dev/{key}", "")


def note(namespace, name: str) -> dict:
    """Return what the watcher says; empty while it says nothing."""
    return json.loads(annotation(namespace, name, "activity") or "{}")


def let_go(namespace, name: str) -> None:
    """Let the watcher act, on a cluster that was to be kept until a test is where it acts."""
    namespace.kubectl("annotate", "raycluster", name, f"{Annotation.EXTENDED_UNTIL}-")


def test_an_idle_cluster_suspends_itself_and_comes_back(namespace, start, attach):
    """An attached driver that sleeps does not keep it; the cluster beside it stays."""
    apply(namespace, raycluster("other", workers=0))
    start("idle", is_kept=True, RAYSPACE_IDLE_S="15")
    attach("idle", _SLEEPING_DRIVER)
    (pod,) = pods(namespace, "idle")
    words = ("exec", pod, "-c", "ray-head", "--", "test", "-e", _ACCOUNT_DIR)
    assert namespace.try_kubectl(*words, user="admin").returncode == 1
    let_go(namespace, "idle")
    namespace.until("it is idle", lambda: note(namespace, "idle").get("acts_at_ms"))
    namespace.until("it suspends itself", lambda: is_suspended(namespace, "idle"))
    namespace.until("its pods are gone", lambda: not pods(namespace, "idle"))
    assert annotation(namespace, "idle", "suspended-by") == "watcher"
    assert re.match(r"Nobody used it for \d", annotation(namespace, "idle", "suspended-why"))
    assert not is_suspended(namespace, "other")
    assert len(pods(namespace, "other")) == 1
    namespace.kubectl("patch", "raycluster", "idle", "--type=merge", "-p",
                      '{"spec": {"suspend": false}}')  # fmt: skip
    namespace.until("it is back", lambda: len(pods(namespace, "idle")) == 1)
    cleared = "the new watcher takes its notes away"
    namespace.until(cleared, lambda: not annotation(namespace, "idle", "suspended-by"))
    assert annotation(namespace, "idle", "lifetime-from")
    assert not is_suspended(namespace, "idle")


def test_a_running_task_keeps_a_cluster(namespace, start, attach):
    """For longer than it may be idle; only from the end of the task that time counts."""
    start("busy", is_kept=True, RAYSPACE_IDLE_S="8")
    began_ms = int(attach("busy", _RUNNING_TASK).split()[-1])
    let_go(namespace, "busy")
    namespace.until("it suspends itself", lambda: is_suspended(namespace, "busy"))
    last = note(namespace, "busy")
    assert last["last_active_ms"] - began_ms > 8000
    assert last["seen_ms"] - last["last_active_ms"] >= 8000


def test_a_life_that_is_over_ends_its_jobs_first(namespace, start):
    """Not while it is to be kept; then they are asked, and it goes when they have ended."""
    start("old", is_kept=True, RAYSPACE_MAX_LIFETIME_S="1")
    (pod,) = pods(namespace, "old")
    follow = namespace.cluster.command(
        "logs", "-f", pod, "-c", "rayspace-watcher", namespace=namespace.name
    )
    with subprocess.Popen(follow, stdout=subprocess.PIPE, text=True) as log:
        words = ("exec", pod, "-c", "ray-head", "--", "python", "-c", _SUBMIT)
        assert "long" in namespace.kubectl(*words, user="admin")
        assert not is_suspended(namespace, "old")
        let_go(namespace, "old")
        namespace.until("it suspends itself", lambda: is_suspended(namespace, "old"))
        said, _ = log.communicate(timeout=400)
    assert "Asked the job long to stop: the life of the cluster is over." in said
    assert any(line.endswith("RayCluster old: spec.suspend is true.") for line in said.splitlines())
    assert annotation(namespace, "old", "suspended-why").endswith("and it was allowed 1.0 s.")


def test_a_queued_cluster_stays_suspended(queueing, cluster, namespace, start, tmp_path):
    """By its Workload, so that Kueue does not start it again; and so its owner resumes it."""
    person = Person(cluster, namespace, tmp_path / "person")
    kueue.add_queue(cluster, namespace.name)
    start("queued", queue="queue", is_kept=True, RAYSPACE_IDLE_S="5")
    let_go(namespace, "queued")
    namespace.until("its pods are gone", lambda: not pods(namespace, "queued"))
    assert workload(namespace, "queued")["spec"]["active"] is False
    assert annotation(namespace, "queued", "suspended-by") == "watcher"
    end_s = time.monotonic() + 6
    while time.monotonic() < end_s:
        assert pods(namespace, "queued") == []
        time.sleep(1)
    # The fixture's cluster is nobody's, as far as its labels tell.
    words = {"target": person.target, "report": person.report, "force": True}
    run(person.clusters.resume("queued", wait=False, **words))
    namespace.until("it is back", lambda: len(pods(namespace, "queued")) == 1)
    run(person.clusters.suspend("queued", **words))
    assert person.told == ["queued is resumed", "queued gave back its place in the queue"]
    namespace.until("its pods are gone again", lambda: not pods(namespace, "queued"))
    assert workload(namespace, "queued")["spec"]["active"] is False
