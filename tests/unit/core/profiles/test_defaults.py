"""What an administrator puts under every profile is in the RayCluster, and in the RayJob."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rayspace.core.clusters.spec import cluster_spec
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.jobs.ray_job import ray_job_manifest
from rayspace.core.kube.state import spec_of
from rayspace.core.manifests.ray_cluster import QUEUE, ray_cluster_manifest
from rayspace.core.profiles.defaults import parse_defaults, with_defaults, without_ends
from rayspace.core.profiles.files import parse_profile
from rayspace.errors import ProfileError
from rayspace.model.cluster import ClusterSpec
from rayspace.model.defaults import Defaults
from rayspace.model.ray_job import Launch
from tests.unit.core.manifests.test_ray_cluster import FACTS, made, pod_of

PLAIN = "workers: 1"


def under(defaults: str, profile: str = PLAIN, **wishes) -> dict:
    """Return the RayCluster of a profile in a namespace with defaults."""
    read = parse_defaults(defaults, path="defaults.yaml")
    return made(profile, replace(FACTS, defaults=read), **wishes)


def job_under(defaults: str, profile: str = PLAIN, overlay=None, **wishes) -> dict:
    """Return the RayJob of a notebook in a namespace with defaults."""
    read = without_ends(parse_defaults(defaults, path="defaults.yaml"))
    spec, _ = cluster_spec(parse_profile(profile, name="p"), Wishes(**wishes), "/x")
    cluster = ray_cluster_manifest(spec, replace(FACTS, defaults=read, overlay=overlay))
    return ray_job_manifest(Launch(spec, "0a"), cluster)


def containers(manifest: dict) -> list[dict]:
    """Return the Ray containers of the head and of the first group."""
    return [pod_of(manifest, index)["containers"][0] for index in (None, 0)]


def env_of(container: dict) -> dict[str, object]:
    """Return environment variables by name: values, or where they come from."""
    return {item["name"]: item.get("value", item.get("valueFrom")) for item in container["env"]}


def test_nothing_said_changes_nothing() -> None:
    """An empty file is as none."""
    assert parse_defaults("", path="d") == Defaults(path="d")
    assert under("") == made(PLAIN)


def test_images_come_from_the_registry_that_is_named() -> None:
    """Those of overlays and of the watcher too; what has another beginning stays."""
    beside = "{name: beside, image: busybox}"
    other = "{name: other, image: quay.io/a/b}"
    profile = f"""\
idle: 1h
rayCluster: {{spec: {{headGroupSpec: {{template: {{spec: {{containers: [{beside}, {other}]}}}}}}}}}}
"""
    manifest = under("registries: {docker.io: mirror.corp:5000/hub}", profile)
    images = {item["name"]: item["image"] for item in pod_of(manifest)["containers"]}
    assert images == {
        "ray-head": "mirror.corp:5000/hub/rayproject/ray:2.60.0-py311",
        "rayspace-watcher": "mirror.corp:5000/hub/rayproject/ray:2.60.0-py311",
        "beside": "mirror.corp:5000/hub/library/busybox",
        "other": "quay.io/a/b",
    }


def test_packages_come_from_the_index_that_is_named() -> None:
    """On every node: by pip, and by uv under its new and its old name."""
    index = "https://pypi.corp/simple"
    for container in containers(under(f"package_index: {index}")):
        env = env_of(container)
        assert [env[key] for key in ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")] == [
            index
        ] * 3


def test_certificates_are_mounted_and_named() -> None:
    """On every node, beside the volumes of the profile."""
    manifest = under("ca_bundle: corp-ca/bundle.pem", f"{PLAIN}\nvolumes: {{/data: data}}")
    for index in (None, 0):
        pod = pod_of(manifest, index)
        (container,) = pod["containers"]
        assert pod["volumes"][1] == {"name": "rayspace-ca", "configMap": {"name": "corp-ca"}}
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        assert paths[:2] == ["/data", "/etc/rayspace/ca"]
        env = env_of(container)
        for key in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO"):
            assert env[key] == "/etc/rayspace/ca/bundle.pem"


def test_a_proxy_is_told_in_both_spellings_and_never_stands_before_the_cluster() -> None:
    """One for https alone where it is another; names that need none are joined to ours."""
    text = "proxy: {http: 'http://proxy:3128', no_proxy: [.corp]}"
    for container in containers(under(text)):
        env = env_of(container)
        assert env["HTTP_PROXY"] == env["http_proxy"] == "http://proxy:3128"
        assert env["HTTPS_PROXY"] == env["https_proxy"] == "http://proxy:3128"
        assert env["NO_PROXY"] == env["no_proxy"]
        names = str(env["NO_PROXY"]).split(",")
        assert {"localhost", ".svc", "10.0.0.0/8", "$(KUBERNETES_SERVICE_HOST)", ".corp"} <= {
            *names
        }
    text = "proxy: {http: 'http://a:1', https: 'http://b:2'}"
    env = env_of(containers(under(text))[0])
    assert (env["HTTP_PROXY"], env["HTTPS_PROXY"]) == ("http://a:1", "http://b:2")


def test_a_queue_is_on_the_cluster_unless_another_is_asked_for() -> None:
    """As a label, which is all that Kueue goes by."""
    assert under("queue: team-a")["metadata"]["labels"][QUEUE] == "team-a"
    assert under("queue: team-a", queue="own")["metadata"]["labels"][QUEUE] == "own"


LABELS = "rayCluster: {metadata: {labels: {kueue.x-k8s.io/queue-name: team-a}}}"


@pytest.mark.parametrize(
    ("defaults", "profile", "overlay", "wishes"),
    [
        ("queue: team-a", PLAIN, None, {}),
        ("", f"{PLAIN}\nqueue: team-a", None, {}),
        ("", PLAIN, None, {"queue": "team-a"}),
        (LABELS, PLAIN, None, {}),
        ("", f"{PLAIN}\n{LABELS}", None, {}),
        ("", PLAIN, {"metadata": {"labels": {QUEUE: "team-a"}}}, {}),
    ],
    ids=["default", "profile", "asked", "default overlay", "overlay", "administrator's overlay"],
)
def test_a_job_in_a_queue_has_no_rules_whoever_named_the_queue(
    defaults, profile, overlay, wishes
) -> None:
    """Kueue refuses a job that does not delete its cluster, and one that has rules."""
    job = job_under(defaults, profile, overlay, **wishes)
    assert job["metadata"]["labels"][QUEUE] == "team-a"
    assert job["spec"]["shutdownAfterJobFinishes"] is True
    assert job["spec"]["ttlSecondsAfterFinished"] == 30
    assert "deletionStrategy" not in job["spec"]


def test_a_job_in_no_queue_has_rules() -> None:
    """Also where an overlay takes the default's queue away."""
    off = "rayCluster: {metadata: {labels: {kueue.x-k8s.io/queue-name: null}}}"
    for job in (job_under(""), job_under("queue: team-a", f"{PLAIN}\n{off}")):
        assert QUEUE not in job["metadata"]["labels"]
        assert "shutdownAfterJobFinishes" not in job["spec"]
        assert job["spec"]["deletionStrategy"]["deletionRules"]


def test_what_a_profile_says_is_nearer() -> None:
    """Entry by entry: one of its own does not lose the others."""
    defaults = """\
env: {A: theirs, B: theirs, C: theirs}
secrets: {S: hub/token, T: hub/token}
volumes: {/data: data, /models: models}
tolerations: [theirs]
node_selector: {zone: a, disk: ssd}
priority: low
service_account: theirs
image_pull_secrets: [theirs]
"""
    profile = """\
workers: 1
env: {A: own, S: own}
secrets: {C: own/key}
volumes: {/data: own}
tolerations: [own]
node_selector: {zone: b}
priority: high
image_pull_secrets: [own]
"""
    pod = pod_of(under(defaults, profile), 0)
    env = env_of(pod["containers"][0])
    assert (env["A"], env["B"], env["S"]) == ("own", "theirs", "own")
    assert env["C"] == {"secretKeyRef": {"name": "own", "key": "key"}}
    assert env["T"] == {"secretKeyRef": {"name": "hub", "key": "token"}}
    assert len(env) == len(pod["containers"][0]["env"])
    claims = [v.get("persistentVolumeClaim", {}).get("claimName") for v in pod["volumes"]]
    assert claims[:2] == ["own", "models"]
    assert [item["key"] for item in pod["tolerations"]] == ["own", "theirs"]
    assert pod["nodeSelector"] == {"zone": "b", "disk": "ssd"}
    assert (pod["priorityClassName"], pod["serviceAccountName"]) == ("high", "theirs")
    assert pod["imagePullSecrets"] == [{"name": "own"}, {"name": "theirs"}]


def test_ends_hold_for_clusters_and_not_for_jobs() -> None:
    """A job's cluster ends with the job."""
    defaults = parse_defaults("idle: 1h\nmax_lifetime: 8h\nprice: 2", path="d")
    spec = with_defaults(ClusterSpec("c", "p"), defaults)
    assert (spec.pods.idle_s, spec.pods.max_lifetime_s) == (3600.0, 28800.0)
    assert spec.pods.price_per_hour == 2
    assert under("idle: 1h", idle_s=60.0)["metadata"]["annotations"]["rayspace.dev/idle-s"] == "60"
    spec = with_defaults(ClusterSpec("c", "p"), without_ends(defaults))
    assert (spec.pods.idle_s, spec.pods.max_lifetime_s) == (None, None)


def test_raw_fields_lie_below_those_of_a_profile() -> None:
    """And the note says what was asked, not what was added."""
    defaults = "queue: q\nrayCluster: {spec: {headGroupSpec: {serviceType: NodePort, a: b}}}"
    profile = "rayCluster: {spec: {headGroupSpec: {serviceType: ClusterIP}}}"
    manifest = under(defaults, profile)
    head = manifest["spec"]["headGroupSpec"]
    assert (head["serviceType"], head["a"]) == ("ClusterIP", "b")
    assert spec_of(manifest).pods.queue == ""


def test_all_that_is_wrong_is_told_at_once() -> None:
    """With the lines; a password is not repeated."""
    text = """\
package_index: ftp://pypi
proxy: {http: 'http://me:hush@proxy', https: 'http://['}
ca_bundle: corp-ca
registries: {'Docker.io ': x}
image: x
"""
    with pytest.raises(ProfileError) as caught:
        parse_defaults(text, path="d")
    keys = {str(item["key"]) for item in caught.value.details["problems"]}
    assert keys == {
        "package_index",
        "proxy.http",
        "proxy.https",
        "ca_bundle",
        "registries.Docker.io ",
        "image",
    }
    assert "hush" not in str(caught.value)
    assert "SECRET/KEY" in caught.value.hint
