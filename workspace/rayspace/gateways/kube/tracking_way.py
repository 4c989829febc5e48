"""Ways from this machine to MLflow in a namespace.

``proxy`` is the API server's own way to a service, with nothing to keep alive. It keeps the header
``Authorization`` for itself, so where MLflow asks for a name and a password, and where the API
server may not or can't reach services, a forwarded port is the way.
"""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from rayspace.errors import GatewayUnavailableError
from rayspace.gateways.kube.answers import status_error, translated
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.port_forward import PortForward

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    import aiohttp

    from rayspace.gateways.kube.client import KubeClient

#: Name of the Deployment, the Service and its pods in templates/kubernetes/mlflow.yaml.
NAME = "rayspace-mlflow"
PORT = 5000
_OPERATION = "reach MLflow"
_CONNECT_S = 6.0
#: An answer may begin late: MLflow writes a large artifact to its store first. [s]
_SILENCE_S = 300.0


class ProxyWay:
    """Through the API server's proxy to services.

    Parameters
    ----------
    client
        The API server.
    host
        Value of ``Host`` that MLflow accepts; empty for the API server's own name.
    """

    def __init__(self, client: KubeClient, host: str = "") -> None:
        self._client = client
        self._host = {"Host": host} if host else {}
        service = f"{NAME}:{PORT}"
        services = object_path("v1", client.target.namespace, "services")
        self._root = f"{services}/{service}/proxy"

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, path: str, *, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and hand over the answer before its body is read."""
        target = self._client.target
        with translated(target, _OPERATION):
            async with self._client.opened(
                method,
                self._root + path,
                operation=_OPERATION,
                headers={**headers, **self._host},
                data=data,
                timeout=_timeout(),
                check=False,
            ) as response:
                await _raise_for_servers_own(self._client, response)
                yield response

    def local_path(self, location: str) -> str:
        """Take away what the API server puts before each path."""
        parts = urlsplit(location)
        path = parts.path.rpartition(self._root)[2] or "/"
        return f"{path}{'?' + parts.query if parts.query else ''}"

    async def close(self) -> None:
        """Nothing is kept open."""


class ForwardedWay:
    """Through a forwarded port, as this person is known to MLflow.

    Parameters
    ----------
    client
        The API server.
    authorization
        Value of the header ``Authorization``; empty for none.
    """

    def __init__(self, client: KubeClient, authorization: str = "") -> None:
        self._client = client
        self._authorization = {"Authorization": authorization} if authorization else {}
        self._forward = PortForward(client, client.target.namespace, self.find_pod, PORT)
        self._session: aiohttp.ClientSession | None = None

    @contextlib.asynccontextmanager
    async def opened(
        self, method: str, path: str, *, headers: Mapping[str, str], data: Any = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """Send a request, and hand over the answer before its body is read."""
        import aiohttp

        if self._session is None:
            await self._forward.start()
            self._session = aiohttp.ClientSession(auto_decompress=False)
        url = f"http://127.0.0.1:{self._forward.local_port}{path}"
        try:
            async with self._session.request(
                method,
                url,
                headers={**headers, **self._authorization},
                data=data,
                timeout=_timeout(),
                allow_redirects=False,
            ) as response:
                yield response
        except (aiohttp.ClientError, OSError) as exc:
            if self._forward.failure is not None:
                raise self._forward.failure from exc
            raise GatewayUnavailableError(
                f"MLflow in {self._client.target.namespace} does not answer.",
                system="MLflow",
                operation=_OPERATION,
            ) from exc

    def local_path(self, location: str) -> str:
        """Keep the path alone."""
        parts = urlsplit(location)
        return f"{parts.path or '/'}{'?' + parts.query if parts.query else ''}"

    async def close(self) -> None:
        """Close the forwarded port."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        await self._forward.close()

    async def find_pod(self) -> str:
        """Return the pod that is ready; `GatewayUnavailableError` if there is none."""
        namespace = self._client.target.namespace
        pods = await self._client.get(
            object_path("v1", namespace, "pods"),
            operation="find MLflow's pod",
            query={"labelSelector": f"app.kubernetes.io/name={NAME}"},
        )
        for pod in pods.get("items") or []:
            conditions = (pod.get("status") or {}).get("conditions") or []
            is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)
            if is_ready and not pod["metadata"].get("deletionTimestamp"):
                return str(pod["metadata"]["name"])
        raise GatewayUnavailableError(
            f"MLflow in {namespace} has no pod that is ready.",
            system="MLflow",
            operation=_OPERATION,
            hint=f"See why with: kubectl -n {namespace} get pods -l app.kubernetes.io/name={NAME}",
        )


def _timeout() -> aiohttp.ClientTimeout:
    import aiohttp

    return aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_S, sock_read=_SILENCE_S)


async def _raise_for_servers_own(client: KubeClient, response: aiohttp.ClientResponse) -> None:
    """Tell an answer of the API server from one of MLflow's, which it only passes on."""
    if response.status < 400:
        return
    text = await response.text(errors="replace")
    try:
        is_own = json.loads(text).get("kind") == "Status"
    except (ValueError, AttributeError):
        is_own = text.startswith("error trying to reach service")
    if is_own:
        raise status_error(client.target, response.status, text, _OPERATION)
