"""An administrator's limits on a real Kubernetes: it refuses what `exceeded` finds, and no more."""

from __future__ import annotations

import copy
import json
import time

import pytest

from rayspace.core.clusters.activity import Annotation
from rayspace.core.limits.admission_policy import admission_policy
from rayspace.core.limits.limits import exceeded, parse_limits
from rayspace.core.manifests.ray_cluster import IDLE_S, MAX_LIFETIME_S
from tests.cluster.images import RAY
from tests.cluster.samples import cluster_spec, raycluster, rayjob
from tests.cluster.test_ray import condition

LIMITS = parse_limits(
    f"""
max_workers: 2
max_gpus: 2
max_cpus: 4.5
max_memory: 12GiB
max_lifetime: 8h
max_idle: 1h
allowed_images: ["{RAY.rpartition(":")[0]}:*"]
""",
    path="limits.yaml",
)
FOREIGN = "registry.example.org/team/ray:1"


def a_cluster(name: str = "c", *, workers: int = 1, **changes) -> dict:
    """Return a cluster within the limits, but for the changes."""
    document = raycluster(name, workers=workers, **changes)
    document["metadata"]["annotations"] = {MAX_LIFETIME_S: "28800", IDLE_S: "3600"}
    return document


def a_job(name: str = "j", **changes) -> dict:
    """Return a job within the limits, but for the changes."""
    document = rayjob(name, "true")
    document["spec"] |= {"activeDeadlineSeconds": 3600, **changes}
    return document


def a_service() -> dict:
    """Return a service, which never ends."""
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayService",
        "metadata": {"name": "s"},
        "spec": {"serveConfigV2": "", "rayClusterConfig": cluster_spec()},
    }


def group(document: dict) -> dict:
    """Return its group of workers."""
    return document["spec"]["workerGroupSpecs"][0]


def container(document: dict) -> dict:
    """Return the head's container."""
    return document["spec"]["headGroupSpec"]["template"]["spec"]["containers"][0]


def with_group(**changes) -> dict:
    """Return a cluster with other workers."""
    document = a_cluster()
    group(document).update(changes)
    return document


def with_notes(**changes: str) -> dict:
    """Return a cluster of another lifetime or idle time; empty for none."""
    document = a_cluster()
    notes = {MAX_LIFETIME_S: changes.get("lifetime", "60"), IDLE_S: changes.get("idle", "60")}
    document["metadata"]["annotations"] = {key: text for key, text in notes.items() if text}
    return document


def with_pods(**changes) -> dict:
    """Return a cluster whose head's pod is another."""
    document = a_cluster()
    document["spec"]["headGroupSpec"]["template"]["spec"].update(changes)
    return document


def with_resources(resources: dict) -> dict:
    """Return a cluster whose head asks for other things."""
    document = a_cluster()
    container(document)["resources"] = resources
    return document


def autoscaled(**options) -> dict:
    """Return a cluster that grows by itself, to one worker."""
    document = with_group(maxReplicas=1)
    document["spec"] |= {"enableInTreeAutoscaling": True, "autoscalerOptions": options}
    return document


def endless() -> dict:
    """Return a cluster that grows for as long as it likes."""
    document = autoscaled()
    del group(document)["maxReplicas"]
    return document


def two_groups(**second) -> dict:
    """Return a cluster with a second group of workers."""
    document = a_cluster()
    other = copy.deepcopy(group(document)) | {"groupName": "more", **second}
    document["spec"]["workerGroupSpecs"].append(other)
    return document


def beside(image: str = RAY, **fields) -> dict:
    """Return a container that does next to nothing."""
    limits = {"limits": {"cpu": "10m", "memory": "10Mi"}}
    return {"name": "beside", "image": image, "resources": limits, **fields}


SUBMITTER = {"spec": {"restartPolicy": "Never", "containers": [beside(FOREIGN)]}}
LARGE = {"limits": {"cpu": "4", "memory": "1Gi"}}
RULES = {
    "fits": (a_cluster(), []),
    "fits to the last": (a_cluster(workers=2, head_limits={"cpu": "2500m", "memory": "6Gi"}), []),
    "a worker too many": (a_cluster(workers=3), ["max_workers"]),
    "a second group": (two_groups(replicas=2), ["max_workers"]),
    "less than nothing makes up for nothing": (
        two_groups(replicas=-5, minReplicas=-9, maxReplicas=-1),
        [],
    ),
    "a group that sleeps": (two_groups(replicas=9, maxReplicas=9, suspend=True), []),
    "no more than its largest number": (with_group(replicas=9, maxReplicas=2), []),
    "no fewer than its least": (with_group(replicas=0, minReplicas=3), ["max_workers"]),
    "hosts": (with_group(replicas=1, numOfHosts=3), ["max_workers"]),
    "autoscaled": (autoscaled(), []),
    "autoscaled without end": (endless(), ["max_workers", "max_cpus", "max_memory"]),
    "autoscaler": (autoscaled(resources={"limits": {"cpu": "3", "memory": "1Gi"}}), ["max_cpus"]),
    "autoscaler's image": (autoscaled(image=FOREIGN), ["allowed_images"]),
    "GPUs": (a_cluster(workers=2, worker_limits={"nvidia.com/gpu": "2"}), ["max_gpus"]),
    "other GPUs": (
        a_cluster(head_limits={"amd.com/gpu": "2", "nvidia.com/mig-1g.5gb": "1"}),
        ["max_gpus"],
    ),
    "GPUs that are none": (a_cluster(head_limits={"nvidia.com/gpumem": "9"}), []),
    "thousandths of CPUs": (
        a_cluster(head_limits={"cpu": "1501m"}, worker_limits={"cpu": "3"}),
        ["max_cpus"],
    ),
    "tenths of CPUs": (a_cluster(head_limits={"cpu": "4.1"}, worker_limits={"cpu": ".4"}), []),
    "exponents": (a_cluster(head_limits={"cpu": "36e-1"}), ["max_cpus"]),
    "huge": (a_cluster(head_limits={"cpu": "1e30"}), ["max_cpus"]),
    "negative": (with_resources({"limits": {"cpu": "-9", "memory": "1Gi"}}), ["max_cpus"]),
    "a number": (with_resources({"requests": {"cpu": 4, "memory": "1Gi"}}), ["max_cpus"]),
    "memory": (a_cluster(head_limits={"memory": "9437185Ki"}), ["max_memory"]),
    "decimal memory": (a_cluster(head_limits={"memory": "9.7G"}), ["max_memory"]),
    "memory of a letter": (a_cluster(head_limits={"memory": "1.5Ti"}), ["max_memory"]),
    "nothing said": (with_resources({}), ["max_cpus", "max_memory"]),
    "nothing said of memory": (with_resources({"limits": {"cpu": "1"}}), ["max_memory"]),
    "said for the pod": (
        with_pods(resources={"limits": {"cpu": "3600m", "memory": "4Gi"}}),
        ["max_cpus"],
    ),
    "a sidecar": (
        with_pods(initContainers=[beside(restartPolicy="Always", resources=LARGE)]),
        ["max_cpus"],
    ),
    "before the rest": (with_pods(initContainers=[beside(resources=LARGE)]), ["max_cpus"]),
    "little before the rest": (with_pods(initContainers=[beside()]), []),
    "image": (a_cluster(image=FOREIGN), ["allowed_images"]),
    "a worker's image": (a_cluster(worker_image=FOREIGN), ["allowed_images"]),
    "a digest instead": (a_cluster(image=f"{RAY}@sha256:{'0' * 64}"), ["allowed_images"]),
    "an image before the rest": (with_pods(initContainers=[beside(FOREIGN)]), ["allowed_images"]),
    "no lifetime": (with_notes(lifetime=""), ["max_lifetime"]),
    "a long lifetime": (with_notes(lifetime="28801"), ["max_lifetime"]),
    "a very long lifetime": (with_notes(lifetime="1.296e+06"), ["max_lifetime"]),
    "a lifetime of nothing": (with_notes(lifetime="0"), ["max_lifetime"]),
    "a lifetime of words": (with_notes(lifetime="8h"), ["max_lifetime"]),
    "no idle time": (with_notes(idle=""), ["max_idle"]),
    "a long idle time": (with_notes(idle="3600.5"), ["max_idle"]),
    "no end at all": (raycluster("c"), ["max_lifetime", "max_idle"]),
    "job": (a_job(), []),
    "job without a deadline": (a_job(activeDeadlineSeconds=None), ["max_lifetime"]),
    "job of long life": (a_job(activeDeadlineSeconds=28_800), ["max_lifetime"]),
    "job that idles": (a_job(ttlSecondsAfterFinished=3601), ["max_idle"]),
    "job that stays": (a_job(shutdownAfterJobFinishes=False), ["max_lifetime", "max_idle"]),
    "job of many": (
        a_job(rayClusterSpec=cluster_spec(workers=3)),
        ["max_workers"],
    ),
    "job's submitter": (a_job(submitterPodTemplate=SUBMITTER), ["allowed_images"]),
    "job elsewhere": (
        a_job(rayClusterSpec=None, clusterSelector={"ray.io/cluster": "c"}),
        [],
    ),
    "service": (a_service(), ["max_lifetime", "max_idle"]),
}


def refusal(namespace, document: dict, user: str = "scientist") -> str:
    """Return why Kubernetes would refuse an object; empty if it would take it."""
    words = ("create", "--dry-run=server", "-f", "-")
    done = namespace.try_kubectl(*words, user=user, stdin=json.dumps(document))
    return done.stderr if done.returncode else ""


@pytest.fixture
def enforce(cluster, namespace):
    """Have the limits enforced, as an administrator does, and take them away afterwards."""
    objects = {
        "apiVersion": "v1",
        "kind": "List",
        "items": admission_policy(LIMITS, namespace.name),
    }

    def make() -> None:
        namespace.kubectl("apply", "-f", "-", user="admin", stdin=json.dumps(objects))
        for document in (a_cluster(workers=9), a_job(activeDeadlineSeconds=99_999), a_service()):
            namespace.until(
                f"{document['kind']} is held to the limits",
                lambda document=document: "denied request" in refusal(namespace, document, "admin"),
            )

    yield make
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=json.dumps(objects))


@pytest.fixture
def older(namespace):
    """Have a cluster that is over every limit, which nobody but the API server looks after."""
    document = raycluster("older", workers=6, image=FOREIGN)
    document["spec"]["managedBy"] = "kueue.x-k8s.io/multikueue"
    group(document)["maxReplicas"] = 9
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(document))
    return "older"


def patch(namespace, name: str, *operations: dict, user: str = "scientist") -> str:
    """Change a cluster; return why not, empty if it was changed."""
    words = ("patch", "raycluster", name, "--type=json", "-p", json.dumps(operations))
    done = namespace.try_kubectl(*words, user=user)
    return done.stderr if done.returncode else ""


def put(path: str, value: object) -> dict:
    """Return an operation of a patch."""
    return {"op": "add", "path": path, "value": value}


def note(key: str, text: str) -> dict:
    """Return an operation that sets an annotation."""
    return put(f"/metadata/annotations/{key.replace('/', '~1')}", text)


WORKERS = "/spec/workerGroupSpecs/0/replicas"


def test_kubernetes_refuses_what_is_explained_before_and_nothing_else(namespace, enforce):
    """Each manifest of the table, in the same words."""
    enforce()
    wrong = {}
    for name, (document, keys) in RULES.items():
        found = exceeded(LIMITS, document)
        assert [excess.key for excess in found] == keys, name
        why = refusal(namespace, document, "admin")
        told = [f"denied request: {excess.summary} {excess.hint}\n" for excess in found]
        if not (any(text in why for text in told) if told else why == ""):
            wrong[name] = (why, told)
    assert wrong == {}


def test_the_expressions_are_well_typed(cluster, namespace, enforce):
    """Kubernetes checks them against the kinds they are for, and warns of none."""
    enforce()
    names = [item["metadata"]["name"] for item in admission_policy(LIMITS, namespace.name)[::2]]

    def checked():
        found = [cluster.read("validatingadmissionpolicies", name) for name in names]
        return found if all("typeChecking" in item.get("status", {}) for item in found) else None

    for item in namespace.until("the expressions are checked", checked):
        assert item["status"]["typeChecking"] == {}


def test_a_person_is_told_why(cluster, namespace, enforce):
    """In our words, with what was asked and what is allowed; elsewhere nothing is refused."""
    enforce()
    why = refusal(namespace, a_cluster(workers=3))
    assert "The cluster asks for 3 workers; the limit is 2 workers." in why
    why = refusal(namespace, a_job(activeDeadlineSeconds=30_000))
    assert "The cluster's max_lifetime is 8 h 21 min; the limit is 8 h." in why
    why = refusal(namespace, a_cluster(image=FOREIGN))
    assert f"The cluster asks for the image {FOREIGN}, which is not allowed" in why
    words = ("create", "--dry-run=server", "-n", "default", "-f", "-")
    cluster.kubectl(*words, stdin=json.dumps(a_cluster(workers=3)))


def test_a_cluster_grows_and_lives_up_to_its_limits(namespace, enforce):
    """Whoever changes it, by whichever field."""
    enforce()
    document = a_cluster("grows")
    document["spec"]["managedBy"] = "kueue.x-k8s.io/multikueue"
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(document))
    assert patch(namespace, "grows", put(WORKERS, 2)) == ""
    assert "3 workers" in patch(namespace, "grows", put(WORKERS, 3))
    assert "3 workers" in patch(namespace, "grows", put(WORKERS, 3), user="admin")
    assert patch(namespace, "grows", note(MAX_LIFETIME_S, "60")) == ""
    assert "max_lifetime is 10 h" in patch(namespace, "grows", note(MAX_LIFETIME_S, "36000"))
    until_ms = round(time.time() * 1000) + 7 * 3_600_000
    assert patch(namespace, "grows", note(Annotation.EXTENDED_UNTIL, str(until_ms))) == ""
    late_ms = until_ms + 24 * 3_600_000
    why = patch(namespace, "grows", note(Annotation.EXTENDED_UNTIL, str(late_ms)))
    assert "max_lifetime is 31 h" in why
    image = "/spec/headGroupSpec/template/spec/containers/0/image"
    assert FOREIGN in patch(namespace, "grows", put(image, FOREIGN))


def test_an_older_cluster_may_shrink_sleep_and_go(namespace, older, enforce):
    """It was there before the limits: it may get no larger, and may not be woken."""
    enforce()
    assert patch(namespace, older, put("/metadata/labels", {"a": "b"})) == ""
    assert patch(namespace, older, put(WORKERS, 4)) == ""
    assert "5 workers" in patch(namespace, older, put(WORKERS, 5))
    assert patch(namespace, older, put("/spec/suspend", True)) == ""
    assert "; the limit is " in patch(namespace, older, put("/spec/suspend", False))
    namespace.kubectl("delete", "raycluster", older, "--timeout=60s")


def test_kuberay_goes_on_with_an_older_cluster(namespace, enforce):
    """Its status is written, and it is suspended when somebody asks for it."""
    document = raycluster("old", workers=0, head_limits={"cpu": "5"})
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(document))
    enforce()
    namespace.until("it has a head", lambda: namespace.items("pods"))
    assert patch(namespace, "old", put("/spec/suspend", True)) == ""

    def suspended():
        found = condition(namespace.read("rayclusters", "old"), "RayClusterSuspended")
        return found.get("status") == "True"

    namespace.until("it is suspended", suspended)
    assert "; the limit is " in patch(namespace, "old", put("/spec/suspend", False))
    namespace.kubectl("delete", "raycluster", "old", "--timeout=60s")


def test_a_job_gets_its_cluster(namespace, enforce):
    """KubeRay makes it without a lifetime of its own; a person may not say it is a job's."""
    enforce()
    namespace.kubectl("create", "-f", "-", stdin=json.dumps(a_job("made")))
    (made,) = namespace.until("its cluster", lambda: namespace.items("rayclusters"))
    assert MAX_LIFETIME_S not in made["metadata"].get("annotations", {})
    forged = raycluster("forged", workers=9)
    forged["metadata"]["ownerReferences"] = made["metadata"]["ownerReferences"]
    assert "; the limit is " in refusal(namespace, forged)
