"""Read what an administrator puts under every profile of a namespace, and put it there.

A company's cluster lets nothing out: images come from a registry of its own, packages from an index
of its own, all through a proxy, with certificates that nobody else knows. Who uses it should need
to know none of that. Whatever a profile or a command says is nearer and wins, entry by entry, so
that a profile with one variable of its own does not lose the others.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rayspace.core.images.choice import mirrored
from rayspace.core.profiles import pods as profile_pods
from rayspace.core.profiles.checks import Checks
from rayspace.core.profiles.yaml_text import read_yaml_mapping
from rayspace.errors import ProfileError
from rayspace.model.defaults import Defaults

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.core.profiles.yaml_text import YamlValue
    from rayspace.model.cluster import ClusterSpec

#: Where the certificates are mounted.
CA_DIR = "/etc/rayspace/ca"
#: Variables that name a file of certificates: Python's ssl and uv; requests and pip; curl and git.
_CA_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "GIT_SSL_CAINFO")
#: The index of pip, and of uv under its new and its old name.
_INDEX_VARIABLES = ("PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL")
#: Reached without a proxy whatever else is: the pod itself, services, and what has a private
#: address, as pods do. Source of the ranges: RFC 1918.
_DIRECT = (
    "localhost",
    "127.0.0.1",
    "::1",
    ".svc",
    ".cluster.local",
    "10.0.0.0/8",
    "172.16.0.0/12",
    "192.168.0.0/16",
    # Filled in by Kubernetes when the container starts.
    "$(KUBERNETES_SERVICE_HOST)",
)
#: Of what only Kubernetes has, all but the image: the ConfigMap has keys of its own for that, which
#: know the versions of whoever starts a cluster. Nor groups of workers.
_POD_KEYS = tuple(key for key in profile_pods.KEYS if key not in {"image", "groups"})
_KEYS = ("registries", "package_index", "proxy", "ca_bundle", "env", *_POD_KEYS)
_PROXY_KEYS = ("http", "https", "no_proxy")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]*(:[0-9]+)?(/[a-z0-9._-]+)*")
_BUNDLE = re.compile(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[-._A-Za-z0-9]+")


def parse_defaults(text: str, *, path: str) -> Defaults:
    """Read defaults.

    Parameters
    ----------
    text
        The YAML file's content; an empty one says nothing.
    path
        Where it is, for messages.

    Returns
    -------
    Defaults
        The defaults.

    Raises
    ------
    ProfileError
        If the file is not YAML, or holds an unknown key or a wrong value; all of them are said at
        once, with their lines.
    """
    document = read_yaml_mapping(text, name=path, error=ProfileError)
    checks = Checks(path)
    checks.keys(document, "", _KEYS)
    fields = document.entries
    bundle = _matching(checks, fields.get("ca_bundle"), "ca_bundle", _BUNDLE, "CONFIGMAP/KEY")
    index = _url(checks, fields.get("package_index"), "package_index")
    defaults = Defaults(
        registries=_registries(checks, fields.get("registries")),
        env={
            **_proxy(checks, fields.get("proxy")),
            **(dict.fromkeys(_INDEX_VARIABLES, index) if index else {}),
            **(dict.fromkeys(_CA_VARIABLES, _ca_path(bundle)) if bundle else {}),
            **checks.env(fields.get("env")),
        },
        ca_bundle=bundle,
        pods=profile_pods.pod_options(checks, fields),
        path=path,
    )
    checks.finish()
    return defaults


def with_defaults(spec: ClusterSpec, defaults: Defaults) -> ClusterSpec:
    """Put defaults under a wish.

    Parameters
    ----------
    spec
        The wish.
    defaults
        What holds where it says nothing.

    Returns
    -------
    ClusterSpec
        The wish with all that it left out; raw fields of a RayCluster are not joined.
    """
    own, below = spec.pods, defaults.pods
    pods = replace(
        own,
        queue=own.queue or below.queue,
        idle_s=_first(own.idle_s, below.idle_s),
        max_lifetime_s=_first(own.max_lifetime_s, below.max_lifetime_s),
        price_per_hour=_first(own.price_per_hour, below.price_per_hour),
        secrets=_joined(below.secrets, own.secrets, without=spec.env),
        volumes={**below.volumes, **own.volumes},
        tolerations=_union(own.tolerations, below.tolerations),
        node_selector={**below.node_selector, **own.node_selector},
        priority=own.priority or below.priority,
        service_account=own.service_account or below.service_account,
        image_pull_secrets=_union(own.image_pull_secrets, below.image_pull_secrets),
    )
    env = _joined(defaults.env, spec.env, without=own.secrets)
    return replace(spec, env=env, pods=pods)


def without_ends(defaults: Defaults) -> Defaults:
    """Leave out what ends a cluster that nobody uses: that of a job ends with the job."""
    return replace(defaults, pods=replace(defaults.pods, idle_s=None, max_lifetime_s=None))


def with_registries(manifest: Mapping[str, Any], registries: Mapping[str, str]) -> dict[str, Any]:
    """Take every image of a RayCluster from where it is to be had.

    Parameters
    ----------
    manifest
        The RayCluster.
    registries
        Prefixes of images, and what stands for each.

    Returns
    -------
    dict
        A new object.
    """
    found: dict[str, Any] = _mirrored(manifest, registries)
    return found


def _mirrored(value: Any, registries: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: mirrored(item, registries)
            # A container's; a volume has an image too, which is an object.
            if key == "image" and isinstance(item, str)
            else _mirrored(item, registries)
            for key, item in value.items()
        }
    return [_mirrored(item, registries) for item in value] if isinstance(value, list) else value


def _registries(checks: Checks, field: YamlValue | None) -> dict[str, str]:
    found = checks.text_mapping(field, "registries")
    for name, entry in (field.entries if field and found else {}).items():
        for text in (name, entry.text):
            if text and not _PREFIX.fullmatch(text):
                message = f"{text!r} is no beginning of an image's name, like docker.io/rayproject"
                checks.problem(entry.line, f"registries.{name}", message, "")
    return found


def _proxy(checks: Checks, field: YamlValue | None) -> dict[str, str]:
    if field is None or not checks.mapping(field, "proxy"):
        return {}
    checks.keys(field, "proxy.", _PROXY_KEYS)
    http = _url(checks, field.entries.get("http"), "proxy.http")
    https = _url(checks, field.entries.get("https"), "proxy.https") or http
    direct = _union(_DIRECT, checks.texts(field.entries.get("no_proxy"), "proxy.no_proxy"))
    values = {"HTTP_PROXY": http, "HTTPS_PROXY": https, "NO_PROXY": ",".join(direct)}
    # curl knows the small letters only, others the capitals only.
    return {
        spelled: value
        for name, value in values.items()
        if value
        for spelled in (name, name.lower())
    }


def _url(checks: Checks, field: YamlValue | None, key: str) -> str:
    text = checks.text(field, key)
    if field is None or not text:
        return ""
    try:
        parts = urlsplit(text)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        checks.wrong(field, key, "a URL that begins with http:// or https://")
    elif parts.username or parts.password:
        # Not told: the value is a secret.
        message = f"{key!r} holds a name or a password, and everybody may read this"
        hint = "Put the URL into a Secret, and name it under secrets: PIP_INDEX_URL: SECRET/KEY"
        checks.problem(field.line, key, message, hint)
    return text


def _matching(
    checks: Checks, field: YamlValue | None, key: str, pattern: re.Pattern[str], expected: str
) -> str:
    text = checks.text(field, key)
    if field is not None and text and not pattern.fullmatch(text):
        checks.wrong(field, key, expected)
    return text


def _ca_path(bundle: str) -> str:
    return f"{CA_DIR}/{bundle.partition('/')[2]}"


def _joined(
    below: Mapping[str, str], own: Mapping[str, str], *, without: Mapping[str, str]
) -> dict[str, str]:
    """Join variables; one that is set in the other way by who asks is theirs alone."""
    return {**{name: value for name, value in below.items() if name not in without}, **own}


def _union(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*one, *other)))


def _first(own: float | None, below: float | None) -> float | None:
    return below if own is None else own
