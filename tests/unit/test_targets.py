"""Where clusters can be: by settings, by kubeconfig, and as they were asked for before."""

from __future__ import annotations

import json
import re

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


PROD = """\
apiVersion: v1
kind: Config
clusters: [{name: c, cluster: {server: "https://127.0.0.1:1"}}]
users: [{name: u, user: {token: secret-token}}]
contexts:
- {name: prod, context: {cluster: c, user: u}}
- {name: prod-ml, context: {cluster: c, user: u, namespace: own}}
- {name: a, context: {cluster: c, user: u}}
- {name: a-b, context: {cluster: c, user: u}}
"""


def places(app: App) -> dict[str, tuple[str, str]]:
    """Return what each name of a target means."""
    return {t.name: (t.context, t.namespace) for t in app.targets()}


def test_what_was_asked_for_never_takes_the_name_of_a_context(make):
    """`--context prod -n ml` is not the context prod-ml, now and later."""
    name = make(PROD).target_of(None, "prod", "ml")
    app = make(PROD)
    assert re.fullmatch(r"prod-ml-[0-9a-f]{6}", name)
    assert places(app)[name] == ("prod", "ml")
    assert places(app)["prod-ml"] == ("prod-ml", "own")
    assert app.target_of(None, "prod-ml", None) == "prod-ml"
    assert app.target_of(None, "prod", "ml") == name


def test_two_places_that_would_share_a_name_get_two(make):
    """A context a-b and a namespace c; a context a and a namespace b-c."""
    first, second = (make(PROD).target_of(None, *p) for p in (("a-b", "c"), ("a", "b-c")))
    assert first == "a-b-c"
    app = make(PROD)
    assert (places(app)[first], places(app)[second]) == (("a-b", "c"), ("a", "b-c"))


def test_a_name_of_the_settings_stays_theirs(make):
    """Also one that was written there after something else was asked for by that name."""
    old = make(PROD).target_of(None, "prod", "team")
    settings = {"prod-team": {"context": "a", "namespace": "x"}}
    app = make(PROD, targets=settings)
    name = app.target_of(None, "prod", "team")
    assert (old, places(app)[old]) == ("prod-team", ("a", "x"))
    assert places(make(PROD, targets=settings))[name] == ("prod", "team")


def test_a_name_that_a_context_takes_later_is_given_up(make):
    """What was asked for before is still known, and stays so when the context is used too."""
    without = PROD.replace("name: prod-ml", "name: other")
    assert make(without).target_of(None, "prod", "ml") == "prod-ml"
    app = make(PROD)
    (moved,) = (n for n, place in places(app).items() if place == ("prod", "ml"))
    assert places(app)["prod-ml"] == ("prod-ml", "own")
    app._note_target("prod-ml")
    assert places(make(PROD))[moved] == ("prod", "ml")
    assert places(make(PROD))["prod-ml"] == ("prod-ml", "own")
    assert {"prod-ml", moved} <= set(make(PROD)._targets_of_jobs())


def test_a_context_alone_is_that_of_the_kubeconfig(make):
    """With its own namespace, whatever targets there are of it."""
    app = make(PROD, targets={"mine": {"context": "prod", "namespace": "x"}})
    app.target_of(None, "prod", "ml")
    assert app.target_of(None, "prod", None) == "prod"
    assert app.target_of(None, "prod", "x") == "mine"
