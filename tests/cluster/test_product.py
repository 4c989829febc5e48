"""What a person does with the product on a real Kubernetes, with the rights that it ships."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

import pytest

from rayspace.app import App
from rayspace.errors import (
    AccessError,
    ClusterExistsError,
    ClusterNotFoundError,
    ClusterStartError,
    GatewayTimeoutError,
    GatewayUnavailableError,
    ManifestError,
    PhaseError,
    PreflightError,
    RefusedError,
    TargetNotFoundError,
)
from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase, Origin
from tests.cluster.images import RAY
from tests.cluster.samples import raycluster
from tests.cluster.test_ray import apply
from tests.waiting import SLOW_S

#: Small enough for this machine.
PROFILE = f"""\
description: A head and a worker.
image: {RAY}
head: {{cpus: 0.3, memory: 1500MiB}}
workers: 1
cpus: 0.6
memory: 1GiB
idle: 1h
"""


class Person:
    """A person at a laptop, with a kubeconfig and a project."""

    def __init__(self, cluster, namespace, directory, user: str = "scientist") -> None:
        self.namespace = namespace
        profiles = directory / "project" / ".rayspace" / "profiles"
        profiles.mkdir(parents=True, exist_ok=True)
        (profiles / "tiny.yaml").write_text(PROFILE)
        text = cluster.kubeconfig(user).read_text()
        self.context = text.partition("current-context: ")[2].split()[0]
        self.environ = {
            **os.environ,
            "KUBECONFIG": str(cluster.kubeconfig(user)),
            "RAYSPACE_STATE_DIR": str(directory / "state"),
        }
        self.app = App(directory / "project", self.environ)
        self.target = self.app.target_of(None, self.context, namespace.name)
        self.told: list[str] = []

    @property
    def clusters(self):
        return self.app.clusters

    def up(self, name: str, profile: str = "tiny", **options):
        return run(
            self.clusters.up(profile, name=name, target=self.target, report=self.report, **options)
        )

    def report(self, stage) -> None:
        self.told.append(stage.text)


@pytest.fixture
def person(cluster, namespace, tmp_path):
    return Person(cluster, namespace, tmp_path)


def test_a_cluster_from_up_to_down(person):
    """Stages are told, nodes are seen, workers come and go, nothing is left."""
    state = person.up("one", ready="all")
    assert (state.phase, state.origin, state.owner) == (
        ClusterPhase.READY,
        Origin.STARTED,
        "scientist",
    )
    assert state.n_workers_observed == 1
    assert "one was accepted" in " ".join(person.told)
    assert [s.key for s in state.stages if s.state == "done"][:1] == ["accepted"]
    # Another process finds it: the object is the record.
    other = App(person.app.project, person.environ)
    assert run(other.clusters.status()).uid == state.uid
    assert run(other.head.version(state.address))["ray_version"] == "2.60.0"
    person.namespace.until(
        "both nodes are seen",
        lambda: {n.is_head for n in run(other.clusters.nodes("one"))} == {True, False},
    )
    assert any("ray" in line.lower() for line in _lines(other, "one"))
    (worker,) = person.namespace.items("pods", selector="ray.io/node-type=worker")
    (head,) = person.namespace.items("pods", selector="ray.io/node-type=head")

    def inside(*words: str, pod: dict = worker) -> str:
        command = ("exec", pod["metadata"]["name"], "--", *words)
        return person.namespace.kubectl(*command, user="admin").strip()

    # Nothing here counts what a head may use, and its dashboard need not ask what cloud it is in.
    assert head["spec"]["containers"][0]["resources"]["requests"]["cpu"] == "300m"
    assert head["spec"]["containers"][0]["resources"]["limits"]["cpu"] == "2"
    assert "{}" in inside("bash", "-c", "cat ~/ray_bootstrap_config.yaml", pod=head)

    # What waits for the head asks by a function of bash, of which Ray itself knows nothing.
    ask = ("bash", "-c", "type -t ray")
    assert inside("env", "KUBERAY_GEN_RAY_START_CMD=", *ask) == "function"
    assert inside(*ask) == "file"
    of_raylet = "tr '\\0' '\\n' < /proc/$(pgrep -x raylet)/environ"
    environ = inside("sh", "-c", of_raylet)
    assert "RAY_AUTH_MODE=token" in environ
    assert "BASH_ENV" not in environ
    # The same again is the same cluster; another of that name is refused.
    assert person.up("one").uid == state.uid
    with pytest.raises(ClusterExistsError, match="CPU"):
        person.up("one", cpus=1)
    scaled = run(person.clusters.scale("one", workers=0))
    assert scaled.n_workers_observed == 0
    with pytest.raises(PhaseError, match="fixed number"):
        run(person.clusters.scale("one", workers=0, max_workers=2))
    run(person.clusters.down("one"))
    with pytest.raises(ClusterNotFoundError):
        run(person.clusters.status("one", target=person.target))
    person.namespace.until(
        "no secrets",
        lambda: "one" not in person.namespace.kubectl("get", "secrets", "-o", "name", user="admin"),
    )


#: More than all waits of the test may take together, so that one that fails says what it was for.
def test_a_cluster_rests_and_comes_back(person):
    """Its watcher sees it idle, and alone has rights; suspended it has no pods."""
    person.up("one", workers=0, wait_timeout_s=SLOW_S)
    (head,) = person.namespace.items("pods", selector="ray.io/node-type=head")
    account = "/var/run/secrets/kubernetes.io/serviceaccount"
    words = ("exec", head["metadata"]["name"], "-c", "ray-head", "--", "test", "-e", account)
    assert person.namespace.try_kubectl(*words, user="admin").returncode == 1
    watched = person.namespace.until(
        "the watcher has seen it idle",
        lambda: (seen := run(person.clusters.status("one")).activity) and seen.acts_at_ms and seen,
        SLOW_S,
    )
    assert watched.active == ()
    run(person.clusters.suspend("one"))
    person.namespace.until("no pods", lambda: person.namespace.items("pods") == [], SLOW_S)
    assert run(person.clusters.status("one")).phase is ClusterPhase.SUSPENDED
    resumed = run(person.clusters.resume("one", wait_timeout_s=SLOW_S, report=person.report))
    assert resumed.phase is ClusterPhase.READY


def _lines(app: App, name: str) -> list[str]:
    async def read() -> list[str]:
        return [line async for line in app.clusters.logs(name, follow=False)]

    return run(read())


def test_what_cannot_come_up_fails_at_once_with_its_reason(person):
    """An image that is nowhere, a namespace without the account of heads, a field that is none."""
    with pytest.raises(ClusterStartError, match=r"image") as caught:
        person.up("none", image="docker.io/rayspace/none:test", settings=_never_pull())
    assert caught.value.details["problems"][0]["code"].startswith("image_")
    (problem, *_) = run(person.clusters.why("none", target=person.target)).problems
    assert "docker.io/rayspace/none:test" in " ".join(e.text for e in problem.evidence)
    with pytest.raises(ManifestError) as caught:
        person.up("wrong", settings={"spec.headGroupSpec.replica": 2})
    assert "replica" in caught.value.message
    person.namespace.kubectl("delete", "serviceaccount", "rayspace-head", user="admin")
    with pytest.raises(PreflightError, match="rayspace-head"):
        person.up("unwatched")
    clusters = person.namespace.items("rayclusters")
    assert [item["metadata"]["name"] for item in clusters] == ["none"]
    secrets = person.namespace.kubectl("get", "secrets", "-o", "name", user="admin")
    assert "wrong" not in secrets
    assert "unwatched" not in secrets


def _never_pull() -> dict[str, str]:
    place = "spec.headGroupSpec.template.spec.containers[ray-head].imagePullPolicy"
    return {place: "Never"}


def test_the_command_that_is_advised_mends_a_cluster(person):
    """Typed as it is printed, with an image that there is: a new cluster of that name."""
    with pytest.raises(ClusterStartError):
        person.up("slip", image="docker.io/rayspace/none:test", workers=0, settings=_never_pull())
    slip = run(person.clusters.why("slip", target=person.target))
    advised = slip.problems[0].hint.rpartition(": ")[2].replace("IMAGE", RAY)
    assert f"--on {person.target}" in advised
    done = subprocess.run(
        [sys.executable, "-m", "rayspace.cli", *shlex.split(advised)[1:], "--workers", "0"],
        cwd=person.app.project,
        env=person.environ,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
    )
    assert done.returncode == 0, (advised, done.stdout, done.stderr)
    mended = run(person.clusters.status("slip", target=person.target))
    assert mended.phase is ClusterPhase.READY
    assert mended.uid != slip.uid
    assert run(person.app.head.version(mended.address))["ray_version"] == "2.60.0"


def test_a_quota_is_told_before_anything_is_made(person):
    """What it could never hold is refused; nothing is left behind."""
    quota = ("create", "quota", "small", "--hard=requests.memory=1Gi,requests.cpu=2")
    person.namespace.kubectl(*quota, user="admin")
    person.namespace.until(
        "the quota counts",
        lambda: person.namespace.read("resourcequotas", "small").get("status", {}).get("hard"),
    )
    with pytest.raises(PreflightError, match=r"'small' allows 1\.0 GiB in all"):
        person.up("large")
    assert person.namespace.items("rayclusters") == []


def test_an_operator_that_is_away_is_told_of_while_one_waits(cluster, person):
    """The person learns it from the line that waits, not after ten minutes."""
    with cluster.without_operator(), pytest.raises(GatewayTimeoutError, match="KubeRay operator"):
        person.up("waits", wait_timeout_s=90)
    assert any("No KubeRay operator has taken notice" in text for text in person.told)


def test_what_others_made_is_seen_and_left_alone(person):
    """A cluster of kubectl's is listed; it is changed by name and force only, or once adopted."""
    apply(person.namespace, raycluster("theirs", workers=0))
    (state,) = run(person.clusters.list(target=person.target))
    assert (state.name, state.origin) == ("theirs", Origin.FOREIGN)
    for change in (
        person.clusters.down("theirs"),
        person.clusters.suspend("theirs"),
        person.clusters.resume("theirs", wait=False),
        person.clusters.extend(60, "theirs"),
        person.clusters.scale("theirs", workers=1, wait=False),
    ):
        with pytest.raises(RefusedError, match="was not made by rayspace"):
            run(change)
    with pytest.raises(ClusterNotFoundError, match="of yours"):
        run(person.clusters.down(force=True))
    with pytest.raises(ClusterExistsError, match="somebody else"):
        person.up("theirs")
    assert run(person.clusters.adopt("theirs", target=person.target)).origin is Origin.STARTED
    run(person.clusters.down("theirs"))
    assert person.namespace.items("rayclusters") == []


def test_a_dry_run_shows_the_object_and_makes_none(person):
    """As YAML, and as a difference where there is one already."""
    from rayspace.core.clusters.wishes import Wishes

    wishes = Wishes(name="plan", workers=0)
    plan = run(person.clusters.preview("tiny", wishes, target=person.target))
    assert plan.manifest["metadata"]["namespace"] == person.namespace.name
    assert plan.difference == ""
    assert person.namespace.items("rayclusters") == []
    text = json.dumps(plan.manifest)
    person.namespace.kubectl("apply", "--dry-run=server", "-f", "-", stdin=text)
    person.up("plan", workers=0, wait=False)
    plan = run(person.clusters.preview("tiny", Wishes(name="plan", cpus=0.5), target=person.target))
    added = [line.split() for line in plan.difference.splitlines() if line.startswith("+")]
    assert ["+", "cpu:", "500m"] in added


def test_who_may_not_is_told_so(cluster, namespace, tmp_path):
    """An outsider, a context that is not there, and a server that does not answer."""
    outsider = Person(cluster, namespace, tmp_path, "outsider")
    with pytest.raises(AccessError, match="outsider"):
        run(outsider.clusters.list(target=outsider.target))
    with pytest.raises(AccessError):
        outsider.up("mine")
    with pytest.raises(TargetNotFoundError, match="nowhere"):
        outsider.app.target_of(None, "nowhere", None)
    config = tmp_path / "dead.yaml"
    text = cluster.kubeconfig("scientist").read_text()
    config.write_text(text.replace(cluster.server, "https://127.0.0.1:1"))
    app = App(tmp_path / "project", {**outsider.environ, "KUBECONFIG": str(config)})
    (target,) = (t.name for t in app.targets() if t.source == "kubeconfig")
    with pytest.raises(GatewayUnavailableError, match="can't be reached"):
        run(app.clusters.list(target=target))
    told: list[str] = []
    assert run(app.clusters.list(target="all", report=lambda stage: told.append(stage.text))) == []
    assert "can't be reached" in " ".join(told)
