"""MLflow of a notebook follows the chosen target, and the person's own word counts more."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest

from rayspace import tracking_env
from rayspace.errors import AccessError, TrackingMissingError
from rayspace.model.progress import silent
from rayspace.model.tracking import TrackingServer
from rayspace.persons_environment import MARK, TOKEN, URI, PersonsEnvironment
from tests.factories import a_cluster

_DOWNLOAD = "MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"
_UPLOAD = "MLFLOW_ENABLE_PROXY_MULTIPART_UPLOAD"
_RELAY = TrackingServer("http://127.0.0.1:1", "http://m", "", "service", "rayspace:secret")


@pytest.fixture(autouse=True)
def _clean(monkeypatch):
    for name in (MARK, TOKEN, URI, _DOWNLOAD, _UPLOAD):
        # Set first, so that what a test leaves there is taken away.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield
    tracking_env.point_back()


def app_with(found):
    """Make services that find a server, or fail."""

    def tracking_server(target):
        if isinstance(found, Exception):
            raise found
        return found

    return SimpleNamespace(tracking_server=tracking_server, is_inside_job=False)


def test_it_points_at_the_relay_and_back():
    """The token stands in a variable of its own; the person's own comes back."""
    os.environ[TOKEN] = "theirs"
    os.environ[_DOWNLOAD] = "true"
    told = []
    tracking_env.point_at(app_with(_RELAY), "team-a", told.append)
    assert (os.environ[URI], os.environ[TOKEN]) == (_RELAY.uri, "secret")
    # What only pods reach is left to the server.
    assert (os.environ[_DOWNLOAD], os.environ[_UPLOAD]) == ("true", "false")
    assert "team-a" in told[0].text
    assert "secret" not in told[0].text
    # Our settings are those of the person, who has set nothing.
    assert URI not in PersonsEnvironment(os.environ)
    tracking_env.point_back()
    assert (os.environ.get(URI), os.environ[TOKEN]) == (None, "theirs")
    assert (os.environ[_DOWNLOAD], _UPLOAD in os.environ) == ("true", False)
    assert MARK not in os.environ


def test_another_target_takes_its_place():
    """Of two only the last counts."""
    other = TrackingServer("https://m", "https://m")
    tracking_env.point_at(app_with(_RELAY), "team-a", silent)
    tracking_env.point_at(app_with(other), "team-b", silent)
    assert (os.environ[URI], os.environ.get(TOKEN)) == ("https://m", None)


def test_what_the_person_set_stays():
    """Before, and after it was pointed elsewhere."""
    os.environ[URI] = "https://theirs"
    tracking_env.point_at(app_with(_RELAY), "team-a", silent)
    assert os.environ[URI] == "https://theirs"
    del os.environ[URI]
    tracking_env.point_at(app_with(_RELAY), "team-a", silent)
    os.environ[URI] = "https://theirs"
    assert PersonsEnvironment(os.environ)[URI] == "https://theirs"
    tracking_env.point_back()
    assert os.environ[URI] == "https://theirs"


@pytest.mark.parametrize(
    ("error", "n_told"), [(TrackingMissingError("None."), 0), (AccessError("No."), 1)]
)
def test_without_a_server_nothing_is_set(error, n_told):
    """And what was set for the target before is taken back."""
    told = []
    tracking_env.point_at(app_with(_RELAY), "team-a", silent)
    tracking_env.point_at(app_with(error), "team-b", told.append)
    assert (URI in os.environ, TOKEN in os.environ, len(told)) == (False, False, n_told)


def test_the_view_is_a_mapping():
    """Everything else is there."""
    view = PersonsEnvironment({"A": "1", URI: "x", TOKEN: "t", MARK: "x"})
    assert dict(view) == {"A": "1"}
    assert len(view) == 1
    assert dict(PersonsEnvironment({URI: "x", TOKEN: "t"})) == {URI: "x", TOKEN: "t"}


@pytest.mark.parametrize(
    ("verb", "target", "expected"),
    [
        ("use", "team-a", _RELAY.uri),
        ("up", "team-a", _RELAY.uri),
        ("use", "local", None),
        ("connect", "", None),
        ("disconnect", "team-a", None),
        # Looking at a cluster chooses none.
        ("status", "team-b", "before"),
    ],
)
def test_it_follows_the_target_that_was_chosen(verb, target, expected):
    """And leaves it with the last."""
    os.environ[URI] = os.environ[MARK] = "before"
    tracking_env.follow(app_with(_RELAY), verb, a_cluster(target=target), silent)
    assert os.environ.get(URI) == expected


def test_in_a_job_its_own_run_counts():
    """The runner has set where it is."""
    app = app_with(_RELAY)
    app.is_inside_job = True
    tracking_env.follow(app, "use", a_cluster(target="team-a"), silent)
    assert URI not in os.environ
