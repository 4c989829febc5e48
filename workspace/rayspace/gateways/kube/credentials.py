"""Who this person is to an API server: the kubeconfig, exec plugins and a pod's own account.

The reading is left to the official client, which knows client certificates, tokens, OpenID Connect
and exec plugins. Nothing of it is ever shown: `repr` names the server alone.
"""

from __future__ import annotations

import contextlib
import io
import logging
import os
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.errors import AccessError, SettingsError, TargetNotFoundError
from rayspace.model.target import LOCAL, Target
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_POD_FILES = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True)
class Credentials:
    """How to reach an API server.

    Parameters
    ----------
    server
        Its base URL.
    ssl_context
        Trusts it, and proves who this is where that is done by certificate; None without TLS.
    authorization
        Value of the header of that name; empty where there is none.
    proxy
        URL of an HTTP proxy; empty for none.
    tls_name
        Name that the server's certificate bears; empty for that in the URL.
    """

    server: str
    ssl_context: ssl.SSLContext | None = field(repr=False)
    authorization: str = field(default="", repr=False)
    proxy: str = field(default="", repr=False)
    tls_name: str = ""


def kubeconfig_targets(environ: Mapping[str, str]) -> list[Target]:
    """List a target for each context of the kubeconfig, in its order; none without a kubeconfig.

    Parameters
    ----------
    environ
        The environment.

    Returns
    -------
    list of Target
        Named as the contexts, which may hold any character.

    Raises
    ------
    SettingsError
        If the kubeconfig can't be read.
    """
    return [
        Target(
            name=str(entry.get("name") or ""),
            context=str(entry.get("name") or ""),
            namespace=str((entry.get("context") or {}).get("namespace") or _DEFAULT_NAMESPACE),
            source="kubeconfig",
        )
        for entry in _contexts(environ)
        if entry.get("name") and entry["name"] != LOCAL
    ]


def pod_target() -> Target | None:
    """Return the target of the pod in which this program runs; None outside of Kubernetes."""
    if "KUBERNETES_SERVICE_HOST" not in os.environ or not (_POD_FILES / "token").exists():
        return None
    from rayspace.model.target import IN_CLUSTER

    namespace = (_POD_FILES / "namespace").read_text("ascii").strip()
    return Target(IN_CLUSTER, "", namespace, "pod")


async def load_credentials(target: Target, environ: Mapping[str, str]) -> Credentials:
    """Read what proves who this is; runs an exec plugin where the kubeconfig names one.

    Parameters
    ----------
    target
        The target.
    environ
        The environment.

    Returns
    -------
    Credentials
        As they are now; a token among them may expire.

    Raises
    ------
    TargetNotFoundError
        If the kubeconfig holds no such context.
    SettingsError
        If the kubeconfig can't be understood.
    AccessError
        If an exec plugin gives no credentials.
    """
    if not target.context:
        return _pod_credentials()
    names = [str(entry.get("name")) for entry in _contexts(environ)]
    if target.context not in names:
        like = nearest(target.context, names) or names
        raise TargetNotFoundError(
            f"The kubeconfig holds no context {target.context!r}.",
            hint=f"Contexts: {', '.join(like)}." if like else "See: kubectl config get-contexts",
            details={"context": target.context, "known": names},
        )
    from kubernetes.aio.client import Configuration
    from kubernetes.aio.config import ConfigException
    from kubernetes.aio.config.kube_config import KubeConfigLoader

    configuration = Configuration()
    told = io.StringIO()
    try:
        merged = _merged(environ)
        loader = KubeConfigLoader(merged, active_context=target.context)
        with _listening(told):
            await loader.load_and_set(configuration)
        context = await _ssl_context(configuration)
    except (ConfigException, OSError, ValueError, TypeError, AttributeError, KeyError) as exc:
        raise SettingsError(
            f"The context {target.context!r} of the kubeconfig can't be used:"
            f" {_first_line(str(exc))}",
            hint=f"Try it with: kubectl --context {target.context!r} get namespaces",
            details={"context": target.context},
        ) from exc
    token = str(configuration.api_key.get("BearerToken", "") or "")
    if not token and not configuration.cert_file and told.getvalue().strip():
        # The client logs that an exec plugin failed, and goes on without credentials.
        raise AccessError(
            f"The login program of the context {target.context!r} gave no credentials:"
            f" {_first_line(told.getvalue())}",
            hint=f"Log in again, and try: kubectl --context {target.context!r} get namespaces",
            details={"context": target.context},
        )
    return Credentials(
        server=str(configuration.host),
        ssl_context=context,
        authorization=token,
        proxy=str(configuration.proxy or ""),
        tls_name=str(configuration.tls_server_name or ""),
    )


def _pod_credentials() -> Credentials:
    host = os.environ["KUBERNETES_SERVICE_HOST"]
    port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    token = (_POD_FILES / "token").read_text("ascii").strip()
    context = ssl.create_default_context(cafile=str(_POD_FILES / "ca.crt"))
    name = f"[{host}]" if ":" in host else host
    return Credentials(f"https://{name}:{port}", context, f"Bearer {token}")


def _paths(environ: Mapping[str, str]) -> list[Path]:
    named = environ.get("KUBECONFIG", "")
    home = Path(environ.get("HOME") or Path.home())
    paths = [Path(part) for part in named.split(os.pathsep) if part]
    return [path for path in paths or [home / ".kube" / "config"] if path.is_file()]


def _contexts(environ: Mapping[str, str]) -> list[dict[str, Any]]:
    """Read the contexts without the client, whose import takes a third of a second."""
    import yaml

    found: dict[str, dict[str, Any]] = {}
    for path in _paths(environ):
        try:
            document = yaml.safe_load(path.read_text("utf-8")) or {}
            for entry in document.get("contexts") or []:
                found.setdefault(str(entry["name"]), dict(entry))
        except (OSError, ValueError, yaml.YAMLError, AttributeError, KeyError, TypeError) as exc:
            raise SettingsError(
                f"The kubeconfig {path} can't be read: {_first_line(str(exc))}",
                hint="Repair it, or name another with the variable KUBECONFIG.",
                details={"path": str(path)},
            ) from exc
    return list(found.values())


def _merged(environ: Mapping[str, str]) -> Any:
    from kubernetes.aio.config.kube_config import KubeConfigMerger

    return KubeConfigMerger(os.pathsep.join(map(str, _paths(environ)))).config


async def _ssl_context(configuration: Any) -> ssl.SSLContext | None:
    if not str(configuration.host).startswith("https"):
        return None
    from kubernetes.aio.client.rest import RESTClientObject

    # It makes no connection before the first request; nothing is left open.
    context: ssl.SSLContext = RESTClientObject(configuration).ssl_context
    return context


@contextlib.contextmanager
def _listening(told: io.StringIO) -> Iterator[None]:
    """Hear what the client only logs, and keep it from the terminal."""
    logger = logging.getLogger("kubernetes.aio.config.kube_config")
    handler = logging.StreamHandler(told)
    handler.setLevel(logging.ERROR)
    propagate, logger.propagate = logger.propagate, False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.propagate = propagate


def _first_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[0][:300] if lines else "no reason was given"
