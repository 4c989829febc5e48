"""Clusters as companies have them: an older KubeRay, one that is too old, and strict namespaces."""

from __future__ import annotations

import pytest

from rayspace.core.kube.kuberay_release import LEAST_RELEASE
from rayspace.errors import PreflightError
from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase
from tests.cluster.images import RAY
from tests.cluster.operators import oldest_taken, too_old
from tests.cluster.test_product import Person
from tests.waiting import SLOW_S

#: With time to start beside everything else that a slow machine does.
_PROFILE = f"""\
description: A head and a worker.
image: {RAY}
head: {{cpus: 1, memory: 2GiB}}
workers: 1
cpus: 0.5
memory: 1GiB
idle: 1h
"""


@pytest.fixture
def person(cluster, namespace, tmp_path):
    made = Person(cluster, namespace, tmp_path)
    (made.app.project / ".rayspace" / "profiles" / "quick.yaml").write_text(_PROFILE)
    return made


def enforce_restricted(namespace) -> None:
    """Let the namespace take pods of the strictest level only."""
    label = ("label", "namespace", namespace.name, "pod-security.kubernetes.io/enforce=restricted")
    namespace.cluster.kubectl(*label)


def refusals(namespace) -> list[str]:
    """Return what Kubernetes said against pods of the namespace."""
    events = namespace.items("events")
    return [event["message"] for event in events if "violates PodSecurity" in event["message"]]


def started(namespace) -> set[str]:
    """Return the containers that the node has taken too, which looks at their users itself."""
    statuses = [
        status
        for pod in namespace.items("pods")
        for part in ("containerStatuses", "initContainerStatuses")
        for status in pod["status"].get(part, [])
    ]
    return {s["name"] for s in statuses if {"running", "terminated"} & set(s["state"])}


def test_the_oldest_kuberay_that_is_taken_works(cluster, person):
    """From up to down, with a token, workers, a rest and a watcher; in a strict namespace too."""
    enforce_restricted(person.namespace)
    with oldest_taken(cluster):
        state = person.up("one", "quick", ready="all", wait_timeout_s=SLOW_S)
        assert (state.phase, state.n_workers_observed) == (ClusterPhase.READY, 1)
        assert run(person.app.head.version(state.address))["ray_version"] == "2.60.0"
        run(person.clusters.scale("one", workers=0, wait_timeout_s=SLOW_S))
        run(person.clusters.suspend("one"))
        person.namespace.until("no pods", lambda: person.namespace.items("pods") == [])
        resumed = run(person.clusters.resume("one", wait_timeout_s=SLOW_S))
        assert resumed.phase is ClusterPhase.READY
        run(person.clusters.down("one"))
    assert refusals(person.namespace) == []


def test_a_kuberay_that_is_too_old_is_refused(cluster, person):
    """In one sentence that names it and the field that it lacks; nothing is made."""
    with too_old(cluster):
        for force in (False, True):
            with pytest.raises(PreflightError) as caught:
                person.up("one", force=force)
            assert "KubeRay 1.4" in caught.value.message
            assert "spec.authOptions.mode" in caught.value.message
            assert f"upgrade KubeRay to {LEAST_RELEASE} or newer" in caught.value.hint
        assert person.namespace.items("rayclusters") == []
        secrets = person.namespace.kubectl("get", "secrets", "-o", "name", user="admin")
        assert "one" not in secrets
    # As soon as it is upgraded the same person goes on.
    person.up("one", workers=0, wait=False)


def test_a_strict_namespace_takes_all_kinds_of_our_pods(person):
    """A head with its watcher and autoscaler, and a worker with KubeRay's own init container."""
    enforce_restricted(person.namespace)
    person.up("one", workers=1, max_workers=2, idle_s=3600, wait=False)
    kinds = {"ray-head", "rayspace-watcher", "autoscaler", "wait-gcs-ready", "ray-worker"}
    person.namespace.until("all have run", lambda: kinds <= started(person.namespace), SLOW_S)
    assert refusals(person.namespace) == []
