"""Trouble on demand: what later tests bring about, each seen to do what it says."""

from __future__ import annotations

import json
import time

from tests.cluster.conftest import is_ready
from tests.cluster.samples import raycluster
from tests.cluster.test_ray import apply, condition, provisioned


def test_a_second_node_works_and_can_be_lost(cluster, namespace, node_b):
    """Workers run there; a cut link or killed processes make it NotReady, and it comes back."""
    apply(namespace, raycluster("wide", node=node_b))
    provisioned(namespace, "wide")
    pods = namespace.items("pods", selector="ray.io/node-type=worker")
    assert [pod["spec"]["nodeName"] for pod in pods] == [node_b]
    cluster.order("link", "down")
    namespace.until("node-b is cut off", lambda: not is_ready(cluster, node_b))
    cluster.order("link", "up")
    namespace.until("node-b is back", lambda: is_ready(cluster, node_b))
    cluster.order("stop", "node-b")
    namespace.until("node-b is lost", lambda: not is_ready(cluster, node_b))
    cluster.order("boot_node")
    namespace.until("node-b is up again", lambda: is_ready(cluster, node_b))
    assert is_ready(cluster, "node-a")


def test_gpus_are_given_out_that_are_not_there(cluster, namespace):
    """A pod that asks for one is placed; one that asks for too many says why it is not."""
    with cluster.gpus("node-a", 2, product="NVIDIA-H200"):
        apply(namespace, raycluster("two", workers=0, head_limits={"nvidia.com/gpu": "2"}))
        apply(namespace, raycluster("four", workers=0, head_limits={"nvidia.com/gpu": "4"}))

        def placed(name: str, status: str) -> str:
            for pod in namespace.items("pods", selector=f"ray.io/cluster={name}"):
                found = condition(pod, "PodScheduled")
                if found.get("status") == status:
                    return found.get("message", "") or "placed"
            return ""

        namespace.until("two GPUs are given", lambda: placed("two", "True"))
        why = namespace.until("four GPUs are refused", lambda: placed("four", "False"))
        assert "Insufficient nvidia.com/gpu" in why
        labels = cluster.read("nodes", "node-a")["metadata"]["labels"]
        assert labels["nvidia.com/gpu.product"] == "NVIDIA-H200"
    namespace.until(
        "the GPUs are gone",
        lambda: "nvidia.com/gpu" not in cluster.read("nodes", "node-a")["status"]["allocatable"],
    )


def test_a_taint_and_a_quota_keep_pods_away(cluster, namespace):
    """The pod, or the cluster where there is no pod, says so."""
    quota = ("create", "quota", "small", "--hard=requests.memory=100Mi")
    namespace.kubectl(*quota, user="admin")
    namespace.until(
        "the quota counts",
        lambda: namespace.read("resourcequotas", "small").get("status", {}).get("hard"),
    )
    apply(namespace, raycluster("over", workers=0))

    def refused():
        return condition(namespace.read("rayclusters", "over"), "ReplicaFailure").get("message")

    assert "exceeded quota: small" in namespace.until("the quota refuses", refused)
    namespace.kubectl("delete", "quota", "small", user="admin")
    with cluster.taint("node-a", "dedicated=others:NoSchedule"):
        apply(namespace, raycluster("away", workers=0))

        def unscheduled():
            pods = namespace.items("pods", selector="ray.io/cluster=away")
            return next((condition(p, "PodScheduled").get("message") for p in pods), "")

        why = namespace.until("the taint keeps it away", unscheduled)
        assert "untolerated taint" in why


def test_the_api_server_can_be_away_for_a_while(cluster, namespace):
    """Whoever asks is refused; afterwards everything is as it was."""
    cluster.order("stop", "kube-apiserver")
    assert namespace.try_kubectl("get", "pods").returncode != 0
    cluster.order("start", "kube-apiserver")
    # One that has just started knows of no Roles for a second.
    namespace.until("it answers", lambda: not namespace.try_kubectl("get", "pods").returncode)
    namespace.until("the cluster is well", cluster.is_well)


def test_the_bridge_can_be_cut(cluster, namespace):
    """The laptop sees nothing; the cluster goes on."""
    cluster.order("stop", "bridge")
    assert namespace.try_kubectl("get", "pods", "--request-timeout=3s").returncode != 0
    cluster.order("start", "bridge")
    namespace.kubectl("get", "pods")


def test_the_operator_can_be_stopped(cluster, namespace):
    """A cluster that is asked for meanwhile waits for it."""
    with cluster.without_operator():
        apply(namespace, raycluster("waits", workers=0))
        time.sleep(2)  # Nothing happens, for as long as nothing can.
        assert namespace.read("rayclusters", "waits").get("status", {}) == {}
    namespace.until("it has a head", lambda: namespace.items("pods"))


def test_a_pod_can_be_killed(namespace):
    """KubeRay starts another."""
    apply(namespace, raycluster("mortal", workers=0))
    (pod,) = namespace.until("a head", lambda: namespace.items("pods"))
    kill = ("delete", "pod", pod["metadata"]["name"], "--force", "--grace-period=0")
    namespace.kubectl(*kill, user="admin")

    def another():
        names = [item["metadata"]["name"] for item in namespace.items("pods")]
        return [name for name in names if name != pod["metadata"]["name"]]

    namespace.until("another head", another)


def test_an_admitted_object_is_what_was_sent(namespace):
    """Token authentication makes a Secret of the cluster's name, which its owner may read."""
    apply(namespace, raycluster("token", workers=0))
    secret = namespace.until(
        "the token", lambda: _get(namespace, "secret", "token").get("data", {})
    )
    assert list(secret) == ["auth_token"]


def _get(namespace, *words: str) -> dict:
    done = namespace.try_kubectl("get", *words, "-o", "json")
    return json.loads(done.stdout) if done.returncode == 0 else {}
