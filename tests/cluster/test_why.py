"""What goes wrong on a real Kubernetes, each brought about and told by its cause."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import pytest

from rayspace.errors import ObjectNotFoundError
from rayspace.loop import run
from tests.cluster.samples import raycluster
from tests.cluster.test_product import Person

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rayspace.model.problem import Problem
    from tests.cluster.client import Cluster
    from tests.cluster.conftest import Namespace

#: A cause may need several restarts, or a look of the kubelet at its disks; what waits for a head
#: says why after two minutes. [s]
_SLOW_S = 800.0
_HEAD = ("spec", "headGroupSpec", "template", "spec")
_WORKER = ("spec", "workerGroupSpecs", 0, "template", "spec")
#: Refuses pods of a cluster that bears this name.
_REFUSED = "refused"


def _part(document: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


def _head(**values: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets fields of the pod of the head."""
    return lambda document: _part(document, _HEAD).update(copy.deepcopy(values))


def _container(**values: Any) -> Callable[[dict[str, Any]], None]:
    """Return what sets fields of the container of the head."""
    return lambda document: _part(document, _HEAD)["containers"][0].update(copy.deepcopy(values))


def _asks(**amounts: str) -> Callable[[dict[str, Any]], None]:
    """Return what lets the head ask for so much."""
    return _container(resources={"requests": amounts, "limits": amounts})


def _volume(**source: Any) -> Callable[[dict[str, Any]], None]:
    """Return what mounts a volume into the head."""

    def mount(document: dict[str, Any]) -> None:
        _head(volumes=[{"name": "data", **source}])(document)
        _container(volumeMounts=[{"name": "data", "mountPath": "/data"}])(document)

    return mount


def _secret_env(name: str) -> Callable[[dict[str, Any]], None]:
    source = {"secretKeyRef": {"name": name, "key": "password"}}
    return _container(env=[{"name": "PASSWORD", "valueFrom": source}])


def _start(**params: str) -> Callable[[dict[str, Any]], None]:
    return lambda document: document["spec"]["headGroupSpec"]["rayStartParams"].update(params)


def _contradiction(document: dict[str, Any]) -> None:
    """Ask for two things that KubeRay's operator takes for one another's opposite."""
    document["metadata"]["annotations"] = {"ray.io/ft-enabled": "false"}
    document["spec"]["gcsFaultToleranceOptions"] = {"redisAddress": "redis:6379"}


def _without_names(document: dict[str, Any]) -> None:
    """Let workers ask a name server that is none; their head comes up."""
    _part(document, _HEAD)["containers"][0]["resources"]["requests"]["cpu"] = "100m"
    _part(document, _WORKER).update(
        dnsPolicy="None", dnsConfig={"nameservers": ["127.0.0.1"], "options": [{"name": "ndots"}]}
    )


#: Ray's own note of its version in the image, and what a worker finds there of another Ray.
_VERSION_FILE = "/opt/ray/lib/python3.11/site-packages/ray/_version.py"
_VERSION = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "version"},
    "data": {"_version.py": "commit = 'none'\nversion = '2.59.0'\n"},
}
#: A kind of container that no node has.
_KIND = "none-such"


def _of_another_ray(document: dict[str, Any]) -> None:
    """Let workers be of another Ray than their head."""
    _part(document, _HEAD)["containers"][0]["resources"]["requests"]["cpu"] = "100m"
    worker = _part(document, _WORKER)
    worker["volumes"] = [{"name": "version", "configMap": {"name": "version"}}]
    mount = {"name": "version", "mountPath": _VERSION_FILE, "subPath": "_version.py"}
    worker["containers"][0]["volumeMounts"] = [mount]


#: What is done to a cluster by its name, and what it must be told as.
BROKEN: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "many-cpus": (_asks(cpu="500"), "unschedulable_cpu"),
    "much-memory": (_asks(memory="10Ti"), "unschedulable_memory"),
    "gpu": (_asks(**{"nvidia.com/gpu": "1"}), "unschedulable_gpu"),
    "elsewhere": (_head(nodeSelector={"zone": "moon"}), "unschedulable_selector"),
    "no-claim": (_volume(persistentVolumeClaim={"claimName": "none"}), "claim_missing"),
    "claim": (_volume(persistentVolumeClaim={"claimName": "pending"}), "claim_pending"),
    "no-map": (_volume(configMap={"name": "none"}), "secret_missing"),
    "no-folder": (_volume(hostPath={"path": "/none", "type": "Directory"}), "mount_failing"),
    "no-secret": (_secret_env("none"), "secret_missing"),
    "no-account": (_head(serviceAccountName="none"), "service_account_missing"),
    "no-name": (_container(image="Not A Name"), "image_name_invalid"),
    "no-image": (_container(image="example.invalid/none:1"), "image_not_found"),
    "root": (
        _container(securityContext={"runAsNonRoot": True, "runAsUser": 0}),
        "container_failing",
    ),
    "little-memory": (_asks(memory="100Mi"), "oom_killed"),
    "no-option": (_start(**{"no-such-option": "1"}), "crash_loop"),
    "little-disk": (_asks(**{"ephemeral-storage": "1Ki"}), "evicted"),
    "two-minds": (_contradiction, "spec_invalid"),
    "asleep": (lambda document: document["spec"].update(suspend=True), "suspended"),
    "never-ready": (
        _container(readinessProbe={"tcpSocket": {"port": 9}, "periodSeconds": 1}),
        "readiness_failing",
    ),
    "no-kind": (_head(runtimeClassName=_KIND), "sandbox_failing"),
    "no-names": (_without_names, "gcs_unreachable"),
    "other-ray": (_of_another_ray, "version_mismatch"),
    _REFUSED: (_head(), "admission_refused"),
}


#: These are told of workers, to which a head must have come up.
_OF_WORKERS = {"gcs_unreachable", "version_mismatch"}
#: A volume claim that nobody makes a volume for.
_CLAIM = {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {"name": "pending"},
    "spec": {
        "accessModes": ["ReadWriteOnce"],
        "storageClassName": "none",
        "resources": {"requests": {"storage": "1Gi"}},
    },
}


def _policy(namespace: str) -> list[dict[str, Any]]:
    """Return what refuses the pods of one cluster, as administrators would."""
    base = {"apiVersion": "admissionregistration.k8s.io/v1", "metadata": {"name": namespace}}
    pods = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE"],
        "resources": ["pods"],
    }
    mine = {"matchLabels": {"kubernetes.io/metadata.name": namespace}}
    label = "object.metadata.?labels['ray.io/cluster'].orValue('')"
    return [
        {
            **base,
            "kind": "ValidatingAdmissionPolicy",
            "spec": {
                "matchConstraints": {"resourceRules": [pods]},
                "validations": [
                    {"expression": f"{label} != '{_REFUSED}'", "message": "Not on a Thursday."}
                ],
            },
        },
        {
            **base,
            "kind": "ValidatingAdmissionPolicyBinding",
            "spec": {
                "policyName": namespace,
                "validationActions": ["Deny"],
                "matchResources": {"namespaceSelector": mine},
            },
        },
    ]


async def _log(person: Person, name: str) -> list[str]:
    return [line async for line in person.clusters.logs(name, target=person.target, follow=False)]


def _told(person: Person, causes: dict[str, str]) -> dict[str, Problem]:
    """Return the first problem of each cluster when all are of the kinds that they must be."""
    found: dict[str, Problem] = {}
    last: dict[str, list[str]] = {}

    def are_told() -> bool:
        for name in causes.keys() - found.keys():
            problems = run(person.clusters.why(name, target=person.target)).problems
            last[name] = [f"{problem.code}: {problem.summary}" for problem in problems]
            if problems and problems[0].code == causes[name]:
                found[name] = problems[0]
        return found.keys() == causes.keys()

    try:
        person.namespace.until("all causes are told", are_told, _SLOW_S)
    except AssertionError as error:
        error.add_note(str({name: last[name] for name in causes.keys() - found.keys()}))
        raise
    assert [name for name, problem in found.items() if not problem.evidence] == []
    return found


def _apply(namespace: Namespace, *documents: dict[str, Any], user: str = "scientist") -> None:
    body = {"apiVersion": "v1", "kind": "List", "items": list(documents)}
    namespace.kubectl("apply", "-f", "-", stdin=json.dumps(body), user=user)


def _broken(
    name: str, change: Callable[[dict[str, Any]], None], workers: int = 0
) -> dict[str, Any]:
    document = raycluster(name, workers=workers)
    # So little that all of them have a place at once.
    _part(document, _HEAD)["containers"][0]["resources"]["requests"]["cpu"] = "10m"
    change(document)
    return document


@pytest.fixture
def kind(cluster: Cluster) -> Iterator[None]:
    """Have a kind of container in the cluster's books that its nodes know nothing of."""
    names = {"metadata": {"name": _KIND}, "handler": _KIND}
    body = {"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass", **names}
    cluster.kubectl("apply", "-f", "-", stdin=json.dumps(body))
    yield
    cluster.kubectl("delete", "runtimeclass", _KIND)


@pytest.fixture
def refusing(cluster: Cluster, namespace: Namespace) -> Iterator[None]:
    """Have an admission policy that refuses the pods of one cluster in the test's namespace."""
    _apply(namespace, *_policy(namespace.name), user="admin")
    spec = {"containers": [{"name": "c", "image": "i"}]}
    metadata = {"name": "tried", "labels": {"ray.io/cluster": _REFUSED}}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
    dry = ("create", "--dry-run=server", "-f", "-")
    namespace.until(
        "the policy is in force",
        lambda: (
            "Not on a Thursday"
            in namespace.try_kubectl(*dry, stdin=json.dumps(pod), user="admin").stderr
        ),
    )
    yield
    for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
        cluster.kubectl("delete", kind, namespace.name)


@pytest.mark.timeout(1500)
def test_each_cause_is_told_by_its_name(
    namespace: Namespace, refusing: None, kind: None, tmp_path: Path
) -> None:
    """All at once in one namespace, by a person who may see no more than that namespace."""
    person = Person(namespace.cluster, namespace, tmp_path)
    _apply(namespace, _CLAIM, _VERSION, user="admin")
    documents = [
        _broken(name, change, workers=int(code in _OF_WORKERS))
        for name, (change, code) in BROKEN.items()
    ]
    _apply(namespace, *documents)
    causes = {name: code for name, (_, code) in BROKEN.items()}
    found = _told(person, causes)
    assert "500 CPUs" in found["many-cpus"].summary
    assert "10.0 TiB" in found["much-memory"].summary
    assert "zone=moon" in found["elsewhere"].summary
    assert "100.0 MiB" in found["little-memory"].summary
    assert "Not on a Thursday." in found[_REFUSED].summary
    assert "No such option" in found["no-option"].summary
    assert f'no runtime for "{_KIND}"' in found["no-kind"].summary
    assert "network" not in found["no-kind"].summary
    assert found["no-names"].groups == ("workers",)
    assert "Ray 2.59.0" in found["other-ray"].summary
    assert "the head has Ray 2.60.0" in found["other-ray"].summary
    # Whose container never began has no log, and that is all there is to say of it.
    with pytest.raises(ObjectNotFoundError, match=r"There is no log to read: .*waiting to start"):
        run(_log(person, "no-image"))


def test_what_an_administrator_allows_is_told(namespace: Namespace, tmp_path: Path) -> None:
    """A quota that is too small, one that needs limits, and a taint."""
    person = Person(namespace.cluster, namespace, tmp_path)
    quota = ("create", "quota")
    namespace.kubectl(*quota, "memory", "--hard=requests.memory=400Mi", user="admin")
    namespace.kubectl(*quota, "cpus", "--hard=limits.cpu=8", user="admin")
    _apply(
        namespace,
        raycluster("too-much", workers=0),
        _broken(
            "no-limits", _container(resources={"requests": {"cpu": "100m", "memory": "100Mi"}})
        ),
    )
    found = _told(person, {"too-much": "quota_exceeded", "no-limits": "quota_needs_limits"})
    assert "memory" in found["too-much"].summary
    with namespace.cluster.taint("node-a", "kept=for-others:NoSchedule"):
        little = {"requests": {"cpu": "100m", "memory": "100Mi"}, "limits": {"cpu": "100m"}}
        _apply(namespace, _broken("kept-away", _container(resources=little)))
        found = _told(person, {"kept-away": "unschedulable_taint"})
    assert "reserved for others" in found["kept-away"].summary


def test_a_range_of_limits_is_told(namespace: Namespace, tmp_path: Path) -> None:
    """A container larger than any may be; and what is being deleted, but held."""
    person = Person(namespace.cluster, namespace, tmp_path)
    limits = [{"type": "Container", "max": {"cpu": "500m"}}]
    base = {"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "small"}}
    _apply(namespace, {**base, "spec": {"limits": limits}}, user="admin")
    held = _broken("held", lambda document: document["metadata"].update(finalizers=["test/hold"]))
    _apply(namespace, raycluster("too-large", workers=0), held)
    namespace.kubectl("delete", "raycluster", "held", "--wait=false")
    try:
        _told(person, {"too-large": "limit_range", "held": "deleting"})
    finally:
        patch = ("patch", "raycluster", "held", "--type=merge", "-p")
        namespace.kubectl(*patch, '{"metadata":{"finalizers":null}}', user="admin")
