"""How heads on Kubernetes are reached: what a target's setting may say, and the URLs it makes.

A head gets its token with every request, so a URL must name the cluster, and hold it in secret.
"""

from __future__ import annotations

import ipaddress
import string
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from rayspace.errors import SettingsError
from rayspace.model.target import AUTO, URL, WAYS
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from rayspace.model.target import Target

_FIELDS = ("cluster", "namespace")
_EXAMPLE = '"access": "url", "url": "https://{cluster}.ray.example.org"'
#: Ray looks for a client under the name of a module: this package's.
_SCHEME = "rayspace"


def check_access(target: str, entry: Mapping[str, object]) -> None:
    """Refuse a target's way to its heads that can't be gone.

    Parameters
    ----------
    target
        Name of the target.
    entry
        Its settings.

    Raises
    ------
    SettingsError
        If ``access`` is no way, or ``url`` is no template for URLs of heads.
    """
    way, template = entry.get("access", AUTO), entry.get("url", "")
    if way not in WAYS:
        like = nearest(str(way), WAYS) or WAYS
        raise SettingsError(
            f"The target {target!r} has the access {way!r}.",
            hint=f"Did you mean {' or '.join(like)}? Ways: {', '.join(WAYS)}.",
            details={"target": target, "known": list(WAYS)},
        )
    if not isinstance(template, str) or bool(template) != (way == URL):
        fact = "a url without its access" if template else "the access url without a url"
        raise SettingsError(
            f"The target {target!r} has {fact}.",
            hint=f"Write both: {_EXAMPLE}.",
            details={"target": target},
        )
    if template and (wrong := _why_not(template)):
        raise SettingsError(
            f"The url of the target {target!r} can't be used: {wrong}.",
            hint=f"Write it as in {_EXAMPLE}; {{namespace}} may stand in it too.",
            details={"target": target},
        )


def head_url(template: str, cluster: str, namespace: str) -> str:
    """Return the base URL of a head, without a slash at its end.

    Parameters
    ----------
    template
        One that `check_access` has passed.
    cluster, namespace
        The cluster.
    """
    return template.format(cluster=cluster, namespace=namespace).rstrip("/")


def client_url(cluster: str, target: str) -> str:
    """Return the address by which ``ray.init()`` joins a cluster on Kubernetes from anywhere."""
    return f"{_SCHEME}://{cluster}@{target}"


def named_in(address: str) -> tuple[str | None, str | None]:
    """Return cluster and target of an address without its scheme; None for what is not named."""
    cluster, _, target = address.partition("@")
    return cluster or None, target or None


def with_access_of(target: Target, named: Iterable[Target]) -> Target:
    """Let another namespace of a context be reached as the one in the settings is.

    Parameters
    ----------
    target
        A target that the settings don't hold.
    named
        Those that they hold.

    Returns
    -------
    Target
        The target; with a URL only where that says the namespace, or two clusters would share it.
    """
    for other in named:
        if other.context == target.context and (other.access != URL or "{namespace}" in other.url):
            return replace(target, access=other.access, url=other.url)
    return target


def _why_not(template: str) -> str:
    """Say what is wrong with a template; empty for nothing."""
    try:
        fields = [part[1:] for part in string.Formatter().parse(template) if part[1] is not None]
        names = [name for name, _, _ in fields]
        if any(name not in _FIELDS or form or mark for name, form, mark in fields):
            return "it may hold {cluster} and {namespace} only"
        if "cluster" not in names:
            return "without {cluster} the token of one cluster would go to another"
        url = urlsplit(template.format(cluster="c", namespace="n"))
        port = url.port
    except ValueError as exc:
        return str(exc)
    if not url.hostname or port == 0 or url.query or url.fragment:
        return "it is not the address of a server"
    if url.username is not None or url.password is not None:
        return "it holds a user's name or password"
    if url.scheme == "https" or (url.scheme == "http" and _is_here(url.hostname)):
        return ""
    return "the token of Ray goes by https only"


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
