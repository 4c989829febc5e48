"""Plain KubeRay, without the product: a cluster, a job, and what they say when they fail."""

from __future__ import annotations

import json

from tests.cluster.images import RAY_GPU
from tests.cluster.samples import raycluster, rayjob

_CODE = "import ray; ray.init(); print('ANSWER', ray.get(ray.remote(lambda: 42).remote()))"


def condition(thing: dict, kind: str) -> dict:
    """Return a condition of an object; empty while it has none."""
    conditions = thing.get("status", {}).get("conditions", [])
    return next((found for found in conditions if found["type"] == kind), {})


def apply(namespace, document: dict) -> None:
    """Apply an object as the scientist."""
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(document))


def provisioned(namespace, name: str) -> dict:
    """Wait until a cluster has all its pods, and return it."""

    def read():
        thing = namespace.read("rayclusters", name)
        return thing if condition(thing, "RayClusterProvisioned").get("status") == "True" else None

    return namespace.until(f"{name} is provisioned", read)


def test_a_cluster_comes_up_and_answers_with_its_token_only(namespace):
    """RayClusterProvisioned, token authentication, and the dashboard through the API server."""
    apply(namespace, raycluster("one"))
    provisioned(namespace, "one")
    pods = namespace.items("pods", selector="ray.io/cluster=one")
    assert sorted(p["metadata"]["labels"]["ray.io/node-type"] for p in pods) == ["head", "worker"]
    path = f"/api/v1/namespaces/{namespace.name}/services/one-head-svc:8265/proxy/api/version"
    refused = namespace.cluster.try_kubectl("get", "--raw", path, user="scientist")
    assert refused.returncode != 0
    head = next(p for p in pods if p["metadata"]["labels"]["ray.io/node-type"] == "head")
    words = ("exec", head["metadata"]["name"], "--", "python", "-c", _CODE)
    assert "ANSWER 42" in namespace.kubectl(*words, user="admin")


def test_a_job_succeeds(namespace):
    """A RayJob with a cluster of its own, submitted by the operator."""
    apply(namespace, rayjob("job", f'python -c "{_CODE}"'))

    def read():
        status = namespace.read("rayjobs", "job").get("status", {})
        return status if status.get("jobStatus") in {"SUCCEEDED", "FAILED"} else None

    status = namespace.until("the job ends", read)
    assert status["jobStatus"] == "SUCCEEDED", status


def test_an_image_that_is_missing_is_told_of(namespace):
    """On the condition of the cluster."""
    apply(namespace, raycluster("none", workers=0, image="docker.io/rayspace/none:test"))

    def read():
        ready = condition(namespace.read("rayclusters", "none"), "HeadPodReady")
        return ready if ready.get("reason") == "ErrImageNeverPull" else None

    assert "not present" in namespace.until("the image is missing", read)["message"]


def test_a_head_that_takes_too_much_memory_is_killed(namespace):
    """The last state of its container says so, and nothing else does."""
    document = raycluster("oom", workers=0, head_limits={"memory": "200Mi"})
    (container,) = document["spec"]["headGroupSpec"]["template"]["spec"]["containers"]
    container["resources"]["requests"]["memory"] = "100Mi"
    apply(namespace, document)

    def read():
        for pod in namespace.items("pods"):
            for status in pod["status"].get("containerStatuses", []):
                ended = {**status["state"], **status["lastState"]}.get("terminated", {})
                if ended.get("reason") == "OOMKilled":
                    return ended
        return None

    # 1 where it was a part of the head that was killed, and the head ended with it.
    assert namespace.until("the head is killed", read)["exitCode"] in {137, 1}


_READ_GPUS = """
import json, os, urllib.request
request = urllib.request.Request("http://127.0.0.1:8265/nodes?view=summary")
request.add_header("Authorization", "Bearer " + os.environ["RAY_AUTH_TOKEN"])
answer = json.load(urllib.request.urlopen(request))
print(json.dumps([gpu for node in answer["data"]["summary"] for gpu in node.get("gpus", [])]))
"""


def test_gpus_show_the_readings_that_a_test_sets(namespace):
    """By way of Ray's own reporting, and they change while it runs."""
    apply(namespace, raycluster("gpu", workers=0, image=RAY_GPU))
    provisioned(namespace, "gpu")
    (head,) = namespace.items("pods")
    inside = ("exec", head["metadata"]["name"], "--")

    def set_readings(*lines: str) -> None:
        text = "".join(f"{line}\\n" for line in lines)
        words = (*inside, "sh", "-c", f"printf '{text}' > /tmp/fake-gpus")
        namespace.kubectl(*words, user="admin")

    def read() -> list[dict]:
        return json.loads(namespace.kubectl(*inside, "python", "-c", _READ_GPUS, user="admin"))

    set_readings("37 1000 81559 350000 61 NVIDIA H200", "- 0 81559 90000 30 NVIDIA H200")
    busy, idle = namespace.until("two GPUs", lambda: read() if len(read()) == 2 else None)
    assert (busy["utilizationGpu"], busy["memoryUsed"], busy["powerMw"]) == (37, 1000, 350000)
    assert (idle["utilizationGpu"], idle["temperatureC"]) == (-1, 30)
    set_readings("90 2000 81559 500000 70 NVIDIA H200")
    namespace.until("one GPU, busy", lambda: [g["utilizationGpu"] for g in read()] == [90])
