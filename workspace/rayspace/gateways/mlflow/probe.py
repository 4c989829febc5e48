"""Ask a tracking server whether it serves, as MLflow's client would and without loading it."""

from __future__ import annotations

import base64
import ssl
from typing import TYPE_CHECKING
from urllib.parse import unquote

from rayspace.core.tracking.server import usual_variables
from rayspace.errors import GatewayUnavailableError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import aiohttp

#: Answers in every version, and asks for the name and a right Host where any does.
PROBE = "/api/2.0/mlflow/experiments/search?max_results=1"
#: A server that is there answers in milliseconds, one far away in seconds. [s]
PATIENCE_S = 10.0
#: Variables that name the certificates which MLflow's client trusts, the first that is set counts.
_CERTIFICATES = ("MLFLOW_TRACKING_SERVER_CERT_PATH", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")


def login_to(userinfo: str, environ: Mapping[str, str]) -> str:
    """Return the header ``Authorization`` of this person for a server; empty for none.

    Parameters
    ----------
    userinfo
        Name and password of the server's address, which count more than the environment.
    environ
        The environment.

    Returns
    -------
    str
        As MLflow's client would send it.
    """
    user, _, password = userinfo.partition(":")
    name, word = (unquote(user), unquote(password)) if user else usual_variables(environ)
    if name:
        return "Basic " + base64.b64encode(f"{name}:{word}".encode()).decode("ascii")
    token = environ.get("MLFLOW_TRACKING_TOKEN", "")
    return f"Bearer {token}" if token else ""


async def server_status(uri: str, login: str | None, environ: Mapping[str, str]) -> int:
    """Ask a tracking server for its experiments.

    Parameters
    ----------
    uri
        Where it is, without name and password.
    login
        The header ``Authorization``; empty or None for none.
    environ
        The environment: proxies, and which certificates are trusted.

    Returns
    -------
    int
        The HTTP status. [1]

    Raises
    ------
    GatewayUnavailableError
        If it does not answer within 10 s.
    """
    import aiohttp

    headers = {"Authorization": login} if login else {}
    timeout = aiohttp.ClientTimeout(total=PATIENCE_S)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, trust_env=True) as session,
            session.get(
                uri.rstrip("/") + PROBE, headers=headers, allow_redirects=False, ssl=_tls(environ)
            ) as response,
        ):
            return response.status
    except (TimeoutError, aiohttp.ClientError, OSError, ValueError) as exc:
        words = str(exc) or f"no answer within {PATIENCE_S:g} s"
        raise GatewayUnavailableError(
            f"MLflow at {uri} can't be reached: {words}",
            system="MLflow",
            operation="answer",
            hint="Check the setting tracking_uri, and whether this machine reaches it.",
        ) from exc


def _tls(environ: Mapping[str, str]) -> ssl.SSLContext | aiohttp.Fingerprint | bool:
    if environ.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in {"true", "1"}:
        return False
    named = next((environ[name] for name in _CERTIFICATES if environ.get(name)), "")
    return ssl.create_default_context(cafile=named) if named else True
