"""The RayCluster of each profile, and of what is asked on top of it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rayspace.core.clusters.spec import cluster_spec
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.images.choice import ImageChoice
from rayspace.core.kube.state import spec_of
from rayspace.core.manifests import ray_cluster as manifests
from rayspace.core.profiles.files import parse_profile

TEMPLATES = Path(__file__).parents[4] / "templates" / "profiles"
IMAGE = ImageChoice("rayproject/ray:2.60.0-py311", "2.60.0", "3.11", "matched")
FACTS = manifests.ManifestFacts("team-a", "Ada Lovelace <ada@example.org>", IMAGE, "2.60.0")


def made(text: str, facts=FACTS, **wishes) -> dict:
    spec, _ = cluster_spec(parse_profile(text, name="p"), Wishes(**wishes), "/x", limit=1000)
    return manifests.ray_cluster_manifest(spec, facts)


def pod_of(manifest: dict, index: int | None = None) -> dict:
    spec = manifest["spec"]
    group = spec["headGroupSpec"] if index is None else spec["workerGroupSpecs"][index]
    return group["template"]["spec"]


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.yaml")), ids=lambda path: path.stem)
def test_what_was_asked_for_can_be_read_back(path: Path) -> None:
    """From the object alone: another process has nothing else."""
    spec, _ = cluster_spec(parse_profile(path.read_text("utf-8"), name="p"), Wishes(), "/x")
    manifest = manifests.ray_cluster_manifest(spec, FACTS)
    assert spec_of(json.loads(json.dumps(manifest))) == spec
    labels = manifest["metadata"]["labels"]
    assert labels["rayspace.dev/profile"] == "p"
    assert len(labels["rayspace.dev/owner-hash"]) == 32
    assert "Ada" not in json.dumps(labels)


def test_gpus_go_to_nodes_that_have_them() -> None:
    """The head takes no task and no GPU; the worker names its kind, and bears the usual taint."""
    manifest = made("head: {cpus: 0}\nworkers: 1\ngpus: 2\ngpu_type: NVIDIA-L4\n")
    head, worker = pod_of(manifest), pod_of(manifest, 0)
    assert manifest["spec"]["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
    assert "nvidia.com/gpu" not in head["containers"][0]["resources"]["limits"]
    assert worker["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"
    assert worker["nodeSelector"] == {"nvidia.com/gpu.product": "NVIDIA-L4"}
    assert {"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"} in worker[
        "tolerations"
    ]


def test_workers_that_come_by_need_have_an_autoscaler() -> None:
    """Between their bounds; a fixed number has none."""
    manifest = made("workers: 1:8")
    group = manifest["spec"]["workerGroupSpecs"][0]
    assert manifest["spec"]["enableInTreeAutoscaling"] is True
    assert (group["replicas"], group["minReplicas"], group["maxReplicas"]) == (1, 1, 8)
    assert "enableInTreeAutoscaling" not in made("workers: 8")["spec"]


def test_only_what_shall_end_itself_is_watched() -> None:
    """The watcher needs an account of its own, which nobody else gets."""
    watched, plain = pod_of(made("idle: 30m")), pod_of(made("service_account: team"))
    assert [c["name"] for c in watched["containers"]] == ["ray-head", "rayspace-watcher"]
    assert watched["serviceAccountName"] == "rayspace-head"
    assert {"name": "RAYSPACE_IDLE_S", "value": "1800"} in watched["containers"][1]["env"]
    assert [c["name"] for c in plain["containers"]] == ["ray-head"]
    assert plain["serviceAccountName"] == "team"


def test_the_account_of_a_head_is_its_watchers_alone() -> None:
    """And the autoscaler's, which KubeRay adds; code that people run gets no rights from it."""
    place = "/var/run/secrets/kubernetes.io/serviceaccount"
    for text in ("idle: 30m", "idle: 30m\nworkers: 0:2"):
        pod = pod_of(made(text))
        ray, watcher = pod["containers"]
        assert pod["automountServiceAccountToken"] is False
        assert [m["mountPath"] for m in watcher["volumeMounts"]][1:] == [place]
        assert "volumeMounts" not in ray
    # Also where nobody watches, and KubeRay makes an account for the autoscaler.
    manifest = made("workers: 0:2")
    (mount,) = manifest["spec"]["autoscalerOptions"]["volumeMounts"]
    (volume,) = pod_of(manifest)["volumes"]
    assert (mount["mountPath"], mount["name"]) == (place, volume["name"])
    assert pod_of(manifest)["automountServiceAccountToken"] is False
    assert "automountServiceAccountToken" not in pod_of(made("workers: 2"))
    assert "automountServiceAccountToken" not in pod_of(manifest, 0)


def test_who_sets_how_long_a_part_waits_means_it_alone() -> None:
    """Ten times a second and a hundred times a tenth are as long; mixed they are not."""
    attempts, pause = (
        "RAY_raylet_client_num_connect_attempts",
        "RAY_raylet_client_connect_timeout_milliseconds",
    )

    def names(text: str) -> set[str]:
        env = pod_of(made(text))["containers"][0]["env"]
        return {variable["name"] for variable in env} & {attempts, pause}

    assert names("workers: 0") == {attempts, pause}
    for own in (attempts, pause):
        assert names(f"env: {{{own}: '20'}}") == {own}


def test_long_lives_keep_their_digits() -> None:
    """Fifteen days and a second are no power of ten."""
    manifest = made("max_lifetime: 360h1s\nidle: 1500ms")
    assert manifest["metadata"]["annotations"]["rayspace.dev/max-lifetime-s"] == "1296001"
    environment = pod_of(manifest)["containers"][1]["env"]
    assert {"name": "RAYSPACE_MAX_LIFETIME_S", "value": "1296001"} in environment
    assert {"name": "RAYSPACE_IDLE_S", "value": "1.5"} in environment


def test_pods_may_run_where_pod_security_is_restricted() -> None:
    """Every container of ours says what "restricted" asks for."""
    manifest = made("idle: 30m\nworkers: 0:2")
    for pod in (pod_of(manifest), pod_of(manifest, 0)):
        assert pod["securityContext"]["runAsNonRoot"] is True
        for container in pod["containers"]:
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}


def test_secrets_and_volumes_are_named_and_never_copied() -> None:
    """The object holds where a value is, not the value."""
    text = "secrets: {HF_TOKEN: hub/token}\nvolumes: {/data: data, /models: models:ro}\nworkers: 1"
    worker = pod_of(made(text), 0)
    (container,) = worker["containers"]
    secret = {"secretKeyRef": {"name": "hub", "key": "token"}}
    assert {"name": "HF_TOKEN", "valueFrom": secret} in container["env"]
    assert [m["mountPath"] for m in container["volumeMounts"]][:2] == ["/data", "/models"]
    assert container["volumeMounts"][1]["readOnly"] is True


def test_overlays_come_last_and_the_administrators_after_ones_own() -> None:
    """So that nothing is out of reach, and what is set for all holds."""
    raw = "{spec: {headGroupSpec: {serviceType: NodePort}}, metadata: {labels: {a: b}}}"
    theirs = {"spec": {"headGroupSpec": {"serviceType": "ClusterIP"}}}
    facts = manifests.ManifestFacts("team-a", "ada", IMAGE, "2.60.0", theirs)
    manifest = made(f"rayCluster: {raw}", facts, settings={"spec.rayVersion": "2.61.0"})
    assert manifest["spec"]["headGroupSpec"]["serviceType"] == "ClusterIP"
    assert manifest["spec"]["rayVersion"] == "2.61.0"
    assert manifest["metadata"]["labels"]["a"] == "b"
