"""What the doctor finds in a namespace, from what its API server says."""

from __future__ import annotations

from typing import Any

import pytest

from rayspace.app import App
from rayspace.doctor_target import checks_of, examine_target, look
from rayspace.errors import ObjectNotFoundError
from rayspace.gateways.kube.client import KubeClient
from rayspace.loop import run

CONFIG_MAP = "/api/v1/namespaces/team-a/configmaps/rayspace-profiles"
QUEUES = "/apis/kueue.x-k8s.io/v1beta1/namespaces/team-a/localqueues"
KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: prod
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: secret-token}}]
contexts: [{name: prod, context: {cluster: c, user: u, namespace: team-a}}]
"""
EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


class Api(KubeClient):
    """An API server with a namespace, an older Kueue, and what a test adds."""

    def __init__(self, target) -> None:
        super().__init__(target, {})
        group = {"preferredVersion": {"groupVersion": "kueue.x-k8s.io/v1beta1"}}
        self.answers: dict[str, Any] = {
            "/api/v1/namespaces/team-a": {"metadata": {"name": "team-a"}},
            "/apis/kueue.x-k8s.io": group,
        }

    async def get(self, path, *, operation, query=None):
        if path not in self.answers:
            raise ObjectNotFoundError(f"There is no {path}.")
        return self.answers[path]

    async def create(self, path, body, *, operation):
        user = {"userInfo": {"username": "ada"}}
        return {"status": {**user, "resourceRules": [EVERYTHING], "allowed": True}}

    async def server(self) -> str:
        return "https://prod"


@pytest.fixture
def app(tmp_path, monkeypatch) -> App:
    """Return the services of somebody whose profiles name a queue, and one elsewhere."""
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    (tmp_path / "kubeconfig").write_text(KUBECONFIG)
    folder = tmp_path / "project" / ".rayspace" / "profiles"
    folder.mkdir(parents=True)
    (folder / "mine.yaml").write_text("queue: mine\n")
    (folder / "elsewhere.yaml").write_text("queue: elsewhere\ntarget: other\n")
    environ = {
        "KUBECONFIG": str(tmp_path / "kubeconfig"),
        "RAYSPACE_STATE_DIR": str(tmp_path / "state"),
        "HOME": str(tmp_path),
    }
    made = App(tmp_path / "project", environ)
    (target,) = (target for target in made.targets() if target.name == "prod")
    made._clients[target] = Api(target)
    return made


def api(app: App) -> Any:
    return app.kube_client("prod")


def test_queues_of_the_namespaces_own_profiles_are_looked_for(app) -> None:
    """Those that its administrator names, and what lies under all profiles."""
    api(app).answers[CONFIG_MAP] = {
        "data": {
            "team-cpu.yaml": "queue: team-a\n",
            "team-gpu.yaml": "queue: team-a\ngpus: 1\n",
            "broken.yaml": "queue: [",
            "defaults.yaml": "queue: all\n",
        }
    }
    api(app).answers[f"{QUEUES}/mine"] = {"metadata": {"name": "mine"}}
    facts = run(look(app, "prod"))
    assert facts.queues == (("all", False), ("mine", True), ("team-a", False))
    told = [check for check in checks_of(facts) if check.name == "queue"]
    assert [(check.state, check.owner) for check in told if "team-a" in check.text] == [
        ("problem", "admin")
    ]


def test_without_any_only_those_of_this_machine_are(app) -> None:
    """And of a namespace whose settings are broken that is told, beside all the rest."""
    assert run(look(app, "prod")).queues == (("mine", False),)
    api(app).answers[CONFIG_MAP] = {"data": {"limits.yaml": "max_workers: many\n"}}
    checks = run(examine_target(app, "prod"))
    (limits,) = (check for check in checks if check.name == "limits")
    assert (limits.state, limits.owner) == ("problem", "admin")
    assert any("mine" in check.text for check in checks if check.name == "queue")
