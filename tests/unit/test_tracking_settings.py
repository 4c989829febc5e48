"""Which tracking server the settings name for a target."""

from __future__ import annotations

import json

import pytest

from rayspace.config import load_settings
from rayspace.core.tracking.server import configured_tracking, parse_tracking
from rayspace.errors import SettingsError
from rayspace.model.tracking import TrackingServer, TrackingWish
from rayspace.model.wire import to_wire

_NONE = TrackingWish()


@pytest.mark.parametrize(
    ("own", "common", "expected"),
    [
        (_NONE, _NONE, None),
        # A file of this machine is nothing for pods, nor is a server that only this machine has.
        (_NONE, TrackingWish("sqlite:///mlflow.db"), None),
        (_NONE, TrackingWish("http://localhost:5000"), None),
        (_NONE, TrackingWish("http://localhost:5000", "http://m:5000"),
         TrackingServer("http://localhost:5000", "http://m:5000")),
        (_NONE, TrackingWish("https://m", secret="s"),
         TrackingServer("https://m", "https://m", "s")),
        # The credentials for one server are none of another's.
        (TrackingWish("https://own"), TrackingWish("https://m", secret="s"),
         TrackingServer("https://own", "https://own")),
        (TrackingWish("https://u:p@own"), _NONE,
         TrackingServer("https://own", "https://own", userinfo="u:p")),
        (TrackingWish(secret="mine"), TrackingWish("https://m", "https://p", "s"),
         TrackingServer("https://m", "https://p", "mine")),
    ],
)  # fmt: skip
def test_the_nearest_that_pods_reach_counts(own, common, expected):
    """A target's own before that for all; else the namespace is asked."""
    assert configured_tracking(own, common) == expected


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ("https://m", "can't be used"),
        ({"uri": "https://m"}, "can't be used"),
        ({"url": 5}, "no text"),
        ({"url": "sqlite:///x"}, "pods can't reach"),
        ({"url": "http://"}, "pods can't reach"),
        ({"url": "https://m", "pod_url": "https://u:p@m"}, "password"),
        ({"pod_url": "https://m"}, "none for this machine"),
    ],
)
def test_what_cannot_be_used_is_told_by_its_target(entry, match):
    """With the shape that it should have; no password is shown."""
    with pytest.raises(SettingsError, match=match) as caught:
        parse_tracking("team-a", entry)
    assert "'team-a'" in caught.value.message
    assert "u:p" not in str(caught.value)


def test_settings_hold_it_for_a_target_and_for_all(tmp_path, monkeypatch):
    """The same in the file; a wrong one is told when it is read."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / ".rayspace").mkdir()
    file = tmp_path / ".rayspace" / "config.json"
    target = {"context": "c", "tracking": {"url": "https://m"}}
    values = {"tracking_pod_uri": "http://m:5000", "tracking_secret": "s", "targets": {"a": target}}
    file.write_text(json.dumps({"Rayspace": values}))
    settings = load_settings(tmp_path, {})
    assert (settings.tracking_pod_uri, settings.tracking_secret) == ("http://m:5000", "s")
    target["tracking"] = {"url": "file:///x"}
    file.write_text(json.dumps({"Rayspace": values}))
    with pytest.raises(SettingsError, match="pods can't reach"):
        load_settings(tmp_path, {})


def test_neither_token_nor_password_is_shown():
    """Only a client of this process is told."""
    server = TrackingServer("http://127.0.0.1:1", "http://m", "", "service", "rayspace:hidden")
    assert server.client_uri == "http://rayspace:hidden@127.0.0.1:1"
    assert server.token == "hidden"
    assert "hidden" not in repr(server)
    assert "hidden" not in json.dumps(to_wire(server))
    named = TrackingServer("https://m", "https://m", userinfo="rayspace:x")
    assert named.token == ""
