"""Where clusters can be: by settings, by kubeconfig, and as they were asked for before."""

from __future__ import annotations

import json

import pytest

from rayspace.app import App
from rayspace.doctor import examine
from rayspace.errors import SettingsError, TargetNotFoundError
from rayspace.loop import run

KUBECONFIG = """\
apiVersion: v1
kind: Config
current-context: prod/ada@x
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: secret-token}}]
contexts:
- {name: prod/ada@x, context: {cluster: c, user: u, namespace: team-a}}
- {name: dev, context: {cluster: c, user: u}}
"""


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Make the services of a project with a kubeconfig and settings."""

    def made(text: str = KUBECONFIG, **settings) -> App:
        config = tmp_path / "kubeconfig"
        config.write_text(text)
        folder = tmp_path / "project" / ".rayspace"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "config.json").write_text(json.dumps({"Rayspace": settings}))
        environ = {"KUBECONFIG": str(config), "RAYSPACE_STATE_DIR": str(tmp_path / "state")}
        return App(tmp_path / "project", {**environ, "HOME": str(tmp_path)})

    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    return made


def test_every_context_is_a_target_and_a_name_in_the_settings_another(make):
    """This machine first; contexts may hold any character."""
    app = make(targets={"team-b": {"context": "dev", "namespace": "team-b"}})
    assert [(t.name, t.context, t.namespace, t.source) for t in app.targets()] == [
        ("local", "", "", "machine"),
        ("team-b", "dev", "team-b", "settings"),
        ("prod/ada@x", "prod/ada@x", "team-a", "kubeconfig"),
        ("dev", "dev", "default", "kubeconfig"),
    ]


def test_a_context_and_a_namespace_are_remembered_as_a_target(make):
    """Another process finds its clusters again; what has a name already keeps it."""
    app = make()
    assert app.target_of(None, "prod/ada@x", None) == "prod/ada@x"
    assert app.target_of(None, "prod/ada@x", "team-a") == "prod/ada@x"
    name = app.target_of("dev", None, "team-c")
    assert name == "dev-team-c"
    (found,) = (t for t in make().targets() if t.name == name)
    assert (found.context, found.namespace, found.source) == ("dev", "team-c", "used")


@pytest.mark.parametrize(
    ("name", "context", "namespace"),
    [("nope", None, "x"), (None, "nope", None), (None, None, "x")],
)
def test_what_is_not_there_is_refused(make, name, context, namespace):
    """A namespace alone is never that of the current context."""
    with pytest.raises(TargetNotFoundError):
        make().target_of(name, context, namespace)


def test_a_broken_kubeconfig_leaves_this_machine_alone(make):
    """The doctor names it; clusters here work."""
    app = make("contexts: [")
    assert [t.name for t in app.targets()] == ["local"]
    assert run(app.clusters.list(target="all")) == []
    (check,) = (check for check in run(examine(app)) if check.name == "kubeconfig")
    assert check.state == "problem"


@pytest.mark.parametrize("targets", [{"local": {"context": "dev"}}, {"a": {}}, {"a": {"ctx": "b"}}])
def test_wrong_targets_in_the_settings_are_refused(make, targets):
    """With the right form."""
    with pytest.raises(SettingsError) as caught:
        make(targets=targets).settings  # noqa: B018
    assert "context" in caught.value.hint
