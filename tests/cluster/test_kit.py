"""An administrator applies the kit to a namespace, and a person and a doctor find what is there."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import yaml

from rayspace.core.clusters.wishes import Wishes
from rayspace.loop import run
from tests.cluster import kueue
from tests.cluster.binaries import KUBERAY, build
from tests.cluster.derived_images import MLFLOW
from tests.cluster.images import RAY
from tests.cluster.store import ROOT
from tests.cluster.team import Shipper
from tests.cluster.test_limits import refusal, with_group

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
KIT = ROOT / "templates" / "kubernetes"
#: What a doctor looks at, of a namespace with all of the kit.
ALL = {"api-server", "kuberay", "rights", "head-account", "job-account", "tracking", "limits",
       "policy", "network", "pod-security"}  # fmt: skip


def kit_for(namespace: str, folder: Path) -> Path:
    """Copy the kit for a namespace, as its first lines say."""
    copy = folder / "kit"
    shutil.copytree(KIT, copy)
    told = "sed -i s/team-a/NAME/g *.yaml queue/*.yaml"
    assert told in (copy / "kustomization.yaml").read_text()
    subprocess.run(told.replace("NAME", namespace), shell=True, cwd=copy, check=True)
    return copy


def beside(kit: Path, **more: object) -> Path:
    """Lay what only this machine needs on top of the kit: an image it has, and no volume."""
    patches = [
        {
            "target": {"kind": "Deployment", "name": "rayspace-mlflow"},
            "patch": json.dumps([
                {"op": "replace", "path": "/spec/template/spec/containers/0/image",
                 "value": MLFLOW},
                {"op": "replace", "path": "/spec/template/spec/volumes/0",
                 "value": {"name": "data", "emptyDir": {}}},
            ]),
        },
        {
            "target": {"kind": "PersistentVolumeClaim"},
            "patch": "$patch: delete\napiVersion: v1\nkind: PersistentVolumeClaim\n"
            "metadata: {name: rayspace-mlflow}\n",
        },
    ]  # fmt: skip
    folder = kit.parent / "overlay"
    folder.mkdir()
    (folder / "kustomization.yaml").write_text(
        yaml.safe_dump({"resources": ["../kit"], "patches": patches, **more})
    )
    return folder


class Doctor(Shipper):
    """A person who asks the doctor."""

    def finds(self) -> dict[str, dict[str, str]]:
        """Return the checks by name."""
        done = self.command("doctor", "--on", self.target, "--json")
        assert done.returncode in {0, 1}, done.stdout + done.stderr
        return {c["name"]: c for c in json.loads(done.stdout)["checks"]}


@pytest.fixture
def applied(cluster, namespace, tmp_path) -> Iterator[Path]:
    """Apply the kit, and take away what of it is no part of the namespace."""
    kit = kit_for(namespace.name, tmp_path)
    people = kit / "people.yaml"
    people.write_text(people.read_text().replace(
        f"{{apiGroup: rbac.authorization.k8s.io, kind: Group, name: {namespace.name}}}",
        "{apiGroup: rbac.authorization.k8s.io, kind: User, name: scientist}",
    ))  # fmt: skip
    # The fixture gave it what the kit shall give.
    bound = ("delete", "rolebinding", "scientist")
    namespace.kubectl(*bound, user="admin")
    namespace.kubectl("delete", "role,serviceaccount,rolebinding", "-l",
                      "app.kubernetes.io/part-of=rayspace", user="admin")  # fmt: skip
    overlay = beside(kit)
    try:
        cluster.kubectl("apply", "--server-side", "-k", str(overlay))
        yield kit
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "-f", str(kit / "policy.yaml"))


def test_all_of_it_is_there_and_the_doctor_explains_each_part_that_is_missing(
    cluster, namespace, applied, tmp_path
):
    """To the administrator, who can mend it, and to the person, who is told who can."""
    namespace.kubectl("rollout", "status", "deployment/rayspace-mlflow", "--timeout=180s",
                      user="admin")  # fmt: skip
    admin = Doctor(cluster, namespace, tmp_path / "admin", "admin")
    person = Doctor(cluster, namespace, tmp_path / "person")
    # What was rolled out is found by its Service a moment later.
    namespace.until("MLflow is found", lambda: admin.finds()["tracking"]["state"] == "ok")
    found = admin.finds()
    assert (set(found), {c["state"] for c in found.values()}) == (ALL, {"ok"}), found
    seen = person.finds()
    assert set(seen) == ALL - {"policy", "network", "pod-security"}
    assert {c["state"] for c in seen.values()} == {"ok"}, seen
    plan = run(person.clusters.plan("team-gpu", Wishes(), target=person.target))
    assert plan.spec.pods.price_per_hour == 2.5
    assert plan.spec.groups[0].worker.gpus == 1
    listed = person.command("cluster", "profiles", "--on", person.target, "--json")
    layers = {p["name"]: p["layer"] for p in json.loads(listed.stdout)["profiles"]}
    assert (layers["team-gpu"], layers["cpu-small"]) == ("namespace", "built-in")
    # Kubernetes refuses what is beyond the limits, whoever asks.
    beyond, why = with_group(replicas=9, maxReplicas=9), []

    def is_refused() -> bool:
        why[:] = [refusal(namespace, beyond)]
        return "asks for 9 workers; the limit is 8 workers" in why[0]

    namespace.until(f"the policy holds: {why}", is_refused)

    # What people do there first is within them, and has the end that they demand.
    person.notebook("train.ipynb", "1 + 1")
    words = ("job", "submit", "train.ipynb", "--on", person.target, "--profile", "solo")
    shipped = person.command(*words, "--wait")
    assert shipped.returncode == 0, shipped.stdout + shipped.stderr
    refused = person.command(*words, "--deadline", "30h")
    assert refused.returncode != 0
    assert "the limit is 24 h" in refused.stderr
    assert "a shorter --deadline" in refused.stderr

    def missing(part: str, *words: str, who: Doctor = admin) -> dict[str, str]:
        """Take a part away, return what the doctor says, and bring it back."""
        cluster.kubectl("delete", *words)
        said = who.finds()[part]
        cluster.kubectl(
            "apply", "--server-side", "--force-conflicts", "-k", str(applied.parent / "overlay")
        )
        return said

    here = ("-n", namespace.name)
    kubectl = f"kubectl -n {namespace.name} apply -f"
    told: dict[str, dict[str, str]] = {
        "rights": missing("rights", "rolebinding", "rayspace-users", *here, who=person),
        "head-account": missing("head-account", "serviceaccount", "rayspace-head", *here),
        "job-account": missing("job-account", "serviceaccount", "rayspace-job", *here),
        "network": missing("network", "networkpolicy", "rayspace-ray", *here),
        "policy": missing("policy", "-f", str(applied / "policy.yaml")),
        "tracking": missing("tracking", "deployment,service", "rayspace-mlflow", *here, who=person),
    }
    for part, said in told.items():
        assert said["state"] in {"warning", "problem"}, (part, said)
        assert said["owner"] == "admin", (part, said)
        command = "rayspace cluster limits" if part == "policy" else kubectl
        assert command in said["hint"], (part, said)
    # Limits that were changed without their policy.
    changed = json.dumps({"data": {"limits.yaml": "max_workers: 3\n"}})
    namespace.kubectl("patch", "configmap", "rayspace-profiles", "-p", changed, user="admin")
    assert "other limits" in admin.finds()["policy"]["text"]
    namespace.kubectl("delete", "configmap", "rayspace-profiles", user="admin")
    without = admin.finds()
    assert "policy" not in without
    assert "No administrator set" in without["limits"]["text"]


def test_its_command_for_operators_brings_the_kuberay_that_runs_here(cluster, tmp_path):
    """The same release, from its module in place of the address, which nothing here reaches."""
    copy = tmp_path / "operators"
    shutil.copytree(KIT / "operators", copy)
    shutil.copytree(build(KUBERAY) / "config", tmp_path / "config")
    (tmp_path / "config" / "default").rename(tmp_path / "config" / "there")
    text = (copy / "kustomization.yaml").read_text()
    (address,) = [line for line in text.split("\n") if "https://github.com/ray-project" in line]
    (copy / "kustomization.yaml").write_text(
        text.replace(address.removeprefix("  - "), "../config/there")
    )
    rendered = [d for d in yaml.safe_load_all(cluster.kubectl("kustomize", str(copy))) if d]
    kinds = {(d["kind"], d["metadata"]["name"]) for d in rendered}
    assert ("CustomResourceDefinition", "rayclusters.ray.io") in kinds
    (operator,) = [d for d in rendered if d["kind"] == "Deployment"]
    assert operator["metadata"]["namespace"] == "kuberay-system"
    # network.yaml lets it in by this label.
    labels = operator["spec"]["template"]["metadata"]["labels"]
    assert labels["app.kubernetes.io/component"] == "kuberay-operator"
    cluster.kubectl("apply", "--server-side", "--dry-run=server", "--force-conflicts", "-f", "-",
                    stdin=yaml.safe_dump_all(rendered))  # fmt: skip


def test_what_is_to_be_chosen_renders_too(cluster, tmp_path):
    """Without the marks of a comment: MLflow asks for a name, and there is a queue."""
    kit = kit_for("team-b", tmp_path)
    text = (kit / "kustomization.yaml").read_text()
    for line in ("components: [queue]", "patches: [{path: mlflow-auth.yaml}]"):
        assert f"# {line}" in text
        text = text.replace(f"# {line}", line)
    (kit / "kustomization.yaml").write_text(text)
    rendered = [d for d in yaml.safe_load_all(cluster.kubectl("kustomize", str(kit))) if d]
    assert "team-a" not in yaml.safe_dump_all(rendered)
    (mlflow,) = [d for d in rendered if d["kind"] == "Deployment"]
    (container,) = mlflow["spec"]["template"]["spec"]["containers"]
    assert container["args"][-2:] == ["--app-name", "basic-auth"]
    assert {"MLFLOW_AUTH_ADMIN_PASSWORD", "HOME"} <= {e["name"] for e in container["env"]}
    (queue,) = [d for d in rendered if d["kind"] == "LocalQueue"]
    assert queue["metadata"] | {"labels": 0} == {
        "name": "team-b",
        "namespace": "team-b",
        "labels": 0,
    }


def test_clusters_wait_in_its_queue(queueing, cluster, namespace, tmp_path):
    """A real Kueue takes it, the doctor finds it, and a cluster is admitted by it."""
    kit = kit_for(namespace.name, tmp_path)
    text = (kit / "kustomization.yaml").read_text()
    (kit / "kustomization.yaml").write_text(
        text.replace("# components: [queue]", "components: [queue]")
    )
    person = Doctor(cluster, namespace, tmp_path)
    (person.app.project / ".rayspace" / "profiles" / "tiny.yaml").write_text(
        f"image: {RAY}\nhead: {{cpus: 0.3, memory: 1500MiB}}\nworkers: 0\nidle: 1h\n"
        f"queue: {namespace.name}\n"
    )
    cluster.kubectl("label", "namespace", namespace.name, f"{kueue.LABEL}=true")
    assert person.finds()["queue"]["owner"] == "admin"
    try:
        cluster.until_kubectl("apply", "-f", str(kit / "queue" / "queue.yaml"))
        queue = namespace.until(
            "the doctor finds it",
            lambda: (c := person.finds()["queue"])["state"] == "ok" and c,
        )
        assert queue["text"] == f"The queue {namespace.name} is there"
        state = person.up("waits", wait=False)
        assert state.name == "waits"
        namespace.until("it is admitted", _admitted(namespace))
        namespace.kubectl("delete", "raycluster", "waits", "--timeout=60s", user="admin")
    finally:
        for kind in (f"clusterqueue/{namespace.name}", "resourceflavor/rayspace"):
            cluster.try_kubectl("delete", kind, "--ignore-not-found", "--wait=false")
        cluster.try_kubectl("delete", "localqueue", namespace.name, "-n", namespace.name)
        for kind in (f"clusterqueue/{namespace.name}", "resourceflavor/rayspace"):
            cluster.try_kubectl("wait", "--for=delete", kind, "--timeout=60s")


def _admitted(namespace) -> Callable[[], bool]:
    def look() -> bool:
        for item in namespace.items("workloads"):
            conditions = item.get("status", {}).get("conditions", [])
            if any(c["type"] == "Admitted" and c["status"] == "True" for c in conditions):
                return True
        return False

    return look
