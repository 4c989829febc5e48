"""Turn what an API server answers into errors of ours.

Source: the Status object, https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
from typing import TYPE_CHECKING, Any

from rayspace.errors import (
    AccessError,
    ConflictError,
    ExpiredError,
    GatewayError,
    GatewayTimeoutError,
    GatewayUnavailableError,
    ManifestError,
    ObjectNotFoundError,
    RayspaceError,
    RefusedError,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rayspace.model.target import Target

SYSTEM = "Kubernetes"
#: Answers after which the same request may succeed a moment later.
PASSING = {429, 500, 502, 503, 504}
_NO_SUCH_FIELD = "failed to create typed patch object"
#: Of a container that waits to start, or whose earlier run left nothing.
_NO_LOG = re.compile(r'container "[^"]*" in pod "[^"]*"')
_ADMISSION = ("admission webhook", "ValidatingAdmissionPolicy", "violates PodSecurity")


def status_error(target: Target, status: int, text: str, operation: str) -> RayspaceError:
    """Return the error for an answer that is not a success.

    Parameters
    ----------
    target
        Who answered.
    status
        The HTTP status. [1]
    text
        The body.
    operation
        What was asked, as a phrase: "read the RayCluster a".

    Returns
    -------
    RayspaceError
        Of the class that fits, with the server's own words.
    """
    body = _status_object(text)
    words = str(body.get("message") or text.strip()[:500] or f"status {status}")
    where = f"{target.namespace} of {target.name}"
    details: dict[str, Any] = {"status": status, "target": target.name, "answer": words}
    if status == 401:
        return AccessError(
            f"The API server of {target.name} does not accept the credentials of this context.",
            hint=f"Log in again, and try: kubectl --context {target.context!r} get namespaces",
            details=details,
        )
    if status == 403 and any(mark in words for mark in _ADMISSION):
        return RefusedError(
            f"The cluster's administrators refuse this: {words}",
            hint="Ask for what they allow, or ask them.",
            details=details,
        )
    if status == 403:
        return AccessError(
            f"You may not {operation} in {where}: {words}",
            hint="Ask an administrator for the Role in templates/kubernetes/rbac.yaml.",
            details=details,
        )
    if status == 404:
        return _not_found(target, words, operation, details)
    if status == 409:
        return ConflictError(
            f"It was changed or made by somebody else meanwhile: {words}",
            hint="Look at it, and try again.",
            details=details,
        )
    if status == 410:
        return ExpiredError(words, system=SYSTEM, operation=operation, details=details)
    if status == 400 and _NO_LOG.search(words):
        return ObjectNotFoundError(
            f"There is no log to read: {words}",
            hint="See why with: rayspace cluster why",
            details=details,
        )
    # A field that is not in the schema is answered with 500 by server-side apply.
    if status in {400, 422} or _NO_SUCH_FIELD in words:
        causes = [dict(cause) for cause in (body.get("details") or {}).get("causes") or []]
        return ManifestError(
            f"{SYSTEM} does not take the object: {words}",
            hint="The field it names comes from the profile, its rayCluster part, or --set.",
            details={**details, "causes": causes},
        )
    kind = GatewayUnavailableError if status in PASSING else GatewayError
    return kind(
        f"The API server of {target.name} answered {status} when asked to {operation}: {words}",
        system=SYSTEM,
        operation=operation,
        hint="Try again; if it stays so, the cluster is unwell.",
        details=details,
    )


@contextlib.contextmanager
def translated(target: Target, operation: str) -> Iterator[None]:
    """Turn what aiohttp raises into errors of ours."""
    import aiohttp

    try:
        yield
    except TimeoutError as exc:
        raise GatewayTimeoutError(
            f"The API server of {target.name} did not answer in time when asked to {operation}.",
            system=SYSTEM,
            operation=operation,
            hint="It may be overloaded or unreachable from here; try again.",
            details={"target": target.name},
        ) from exc
    except aiohttp.ClientConnectorCertificateError as exc:
        raise AccessError(
            f"The certificate of the API server of {target.name} can't be trusted:"
            f" {why_not_trusted(exc)}",
            hint="The kubeconfig names another certificate authority; fetch it anew.",
            details={"target": target.name},
        ) from exc
    except (aiohttp.ClientError, OSError, ssl.SSLError) as exc:
        raise GatewayUnavailableError(
            f"The API server of {target.name} can't be reached: {_network_words(exc)}",
            system=SYSTEM,
            operation=operation,
            hint="See whether you are on its network or VPN.",
            details={"target": target.name, "error": type(exc).__name__},
        ) from exc


def _not_found(
    target: Target, words: str, operation: str, details: dict[str, Any]
) -> ObjectNotFoundError:
    if f'namespaces "{target.namespace}" not found' in words:
        return ObjectNotFoundError(
            f"There is no namespace {target.namespace!r} on {target.name}.",
            hint="Name another with -n, or ask an administrator to make it.",
            details=details,
        )
    # What no object's address is, is answered in plain text.
    if words.startswith(("404 page not found", "the server could not find the requested")):
        return ObjectNotFoundError(
            f"The API server of {target.name} knows no such kind when asked to {operation}.",
            hint="See whether KubeRay is installed there: kubectl"
            f" --context {target.context!r} api-resources --api-group=ray.io",
            details=details,
        )
    where = f"{target.namespace} of {target.name}"
    return ObjectNotFoundError(
        f"{SYSTEM} has nothing of that name when asked to {operation} in {where}: {words}",
        hint="It may have been deleted meanwhile; see: rayspace cluster list",
        details=details,
    )


def understood(target: Target, text: str, operation: str) -> Any:
    """Read an answer as an object; `GatewayError` if it is none: a proxy's page, say."""
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not _is_object(answer):
        raise _not_a_server(target, text, operation)
    return answer


def preferred_version(target: Target, answer: Any, group: str) -> str:
    """Read the preferred version of a group, as ``group/version``; `GatewayError` without one."""
    preferred = answer.get("preferredVersion")
    version = preferred.get("groupVersion") if isinstance(preferred, dict) else None
    if not isinstance(version, str) or not version.startswith(f"{group}/"):
        raise _not_a_server(target, json.dumps(answer), f"ask for {group}")
    return version


def _not_a_server(target: Target, text: str, operation: str) -> GatewayError:
    return GatewayError(
        f"What answers for {target.name} is not an API server: {text.strip()[:120]!r}",
        system=SYSTEM,
        operation=operation,
        hint="A proxy or a login page may stand between; see the server in the kubeconfig.",
        details={"target": target.name},
    )


def _is_object(answer: Any) -> bool:
    """Whether an answer is an object of Kubernetes, a list of them, or describes its kinds."""
    known = {"kind", "metadata", "openapi"}
    if not isinstance(answer, dict) or not known.intersection(answer):
        return False
    items = answer.get("items") or []
    if not isinstance(items, list) or not isinstance(answer.get("metadata") or {}, dict):
        return False
    return all(isinstance(i, dict) and isinstance(i.get("metadata"), dict) for i in items)


def _status_object(text: str) -> dict[str, Any]:
    try:
        body = json.loads(text)
    except ValueError:
        return {}
    return body if isinstance(body, dict) and body.get("kind") == "Status" else {}


def why_not_trusted(error: Exception) -> str:
    """Say why a certificate was not accepted."""
    cause = getattr(error, "certificate_error", error)
    return str(getattr(cause, "verify_message", "") or cause)


def _network_words(error: BaseException) -> str:
    cause = getattr(error, "os_error", None) or error
    return str(getattr(cause, "strerror", "") or cause or type(error).__name__)
