"""How heads are reached: what the settings of a target may say, and what comes of it."""

from __future__ import annotations

import pytest

from rayspace.core.clusters.access import (
    check_access,
    client_url,
    head_url,
    named_in,
    with_access_of,
)
from rayspace.errors import SettingsError
from rayspace.model.target import AUTO, PORT_FORWARD, URL, WAYS, Target

EXAMPLE = "https://{cluster}.ray.example.org"


@pytest.mark.parametrize("way", [way for way in WAYS if way != URL])
def test_every_way_may_be_set_by_its_name(way) -> None:
    """And none at all, which is auto."""
    check_access("team", {"access": way})
    check_access("team", {})


@pytest.mark.parametrize(
    "template",
    [
        EXAMPLE,
        "https://ray.example.org/{namespace}/{cluster}/",
        "https://{cluster}-{namespace}.example.org:8443",
        "http://localhost:8080/{cluster}",
        "http://127.0.0.1/{cluster}",
        "http://[::1]:8080/{cluster}",
    ],
)
def test_a_url_that_names_the_cluster_may_be_set(template) -> None:
    """By https, or on this machine."""
    check_access("team", {"access": URL, "url": template})


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"access": "tunnel"}, "has the access 'tunnel'"),
        ({"access": 3}, "has the access 3"),
        ({"access": URL}, "without a url"),
        ({"access": URL, "url": 3}, "without its access"),
        ({"url": EXAMPLE}, "a url without its access"),
        ({"access": PORT_FORWARD, "url": EXAMPLE}, "a url without its access"),
        ({"access": URL, "url": "https://ray.example.org"}, "would go to another"),
        ({"access": URL, "url": "http://{cluster}.example.org"}, "https only"),
        ({"access": URL, "url": "ftp://{cluster}.example.org"}, "https only"),
        ({"access": URL, "url": "http://{cluster}.localhost"}, "https only"),
        ({"access": URL, "url": "https://me:secret@example.org/{cluster}"}, "password"),
        ({"access": URL, "url": "https://{cluster}@example.org"}, "password"),
        ({"access": URL, "url": "https://example.org/?c={cluster}"}, "not the address"),
        ({"access": URL, "url": "https://example.org/#{cluster}"}, "not the address"),
        ({"access": URL, "url": "{cluster}"}, "not the address"),
        ({"access": URL, "url": "https://{cluster}.example.org:0"}, "not the address"),
        ({"access": URL, "url": "https://{cluster}.example.org:http"}, "can't be used"),
        ({"access": URL, "url": "https://{cluster}.{user}.org"}, "only"),
        ({"access": URL, "url": "https://{cluster.name}.org"}, "only"),
        ({"access": URL, "url": "https://{cluster!r}.org"}, "only"),
        ({"access": URL, "url": "https://{cluster:>9}.org"}, "only"),
        ({"access": URL, "url": "https://{cluster"}, "can't be used"),
    ],
)
def test_what_can_not_be_gone_is_refused(entry, words) -> None:
    """With the target's name, and advice."""
    with pytest.raises(SettingsError, match=words) as caught:
        check_access("team", entry)
    assert "'team'" in caught.value.message
    assert caught.value.hint


def test_a_way_that_is_nearly_one_is_suggested() -> None:
    """A slip of the fingers."""
    with pytest.raises(SettingsError) as caught:
        check_access("team", {"access": "portforward"})
    assert "Did you mean port-forward?" in caught.value.hint


def test_urls_are_made_and_read_back() -> None:
    """Names of targets may hold any character, also those of addresses."""
    assert head_url(f"{EXAMPLE}/", "one", "team") == "https://one.ray.example.org"
    assert head_url("", "one", "team") == ""
    for target in ("team", "ada@prod/x", "a@b@c"):
        address = client_url("one", target)
        assert address.startswith("rayspace://")
        assert named_in(address.partition("://")[2]) == ("one", target)
    assert named_in("") == (None, None)
    assert named_in("@team") == (None, "team")
    assert named_in("one") == ("one", None)


def test_another_namespace_of_a_context_is_reached_in_the_same_way() -> None:
    """Where a URL would be that of another cluster, by none that is set."""
    target = Target("dev-b", "dev", "b", "used")
    forwarded = Target("a", "dev", "a", access=PORT_FORWARD)
    elsewhere = Target("c", "prod", "c", access="proxy")
    assert with_access_of(target, [elsewhere, forwarded]).access == PORT_FORWARD
    assert with_access_of(target, [elsewhere]).access == AUTO
    without = Target("a", "dev", "a", access=URL, url=EXAMPLE)
    assert with_access_of(target, [without]) == target
    template = "https://{cluster}.{namespace}.example.org"
    found = with_access_of(target, [Target("a", "dev", "a", access=URL, url=template)])
    assert (found.namespace, found.access, found.url) == ("b", URL, template)
