"""Find the tracking server of a target, and make it reachable from this machine."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rayspace.core.tracking.server import configured_tracking, usual_variables
from rayspace.errors import (
    AccessError,
    GatewayUnavailableError,
    NotFoundError,
    RefusedError,
    TrackingMissingError,
)
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.tracking_way import NAME, PORT, ForwardedWay, ProxyWay
from rayspace.gateways.mlflow.probe import PATIENCE_S, PROBE, login_to, server_status
from rayspace.gateways.relay.guard import RelayGuard
from rayspace.gateways.relay.port import TrackingRelay
from rayspace.loop import on_exit
from rayspace.model.tracking import RELAY_USER, TrackingServer, TrackingWish

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.gateways.relay.way import Way

#: Secret with what pods need where MLflow asks for a name, unless settings name another.
CLIENT_SECRET = "rayspace-mlflow-client"  # noqa: S105  the name of an object
_WRONG_HOST = "Invalid Host header"
#: Settings that say nothing.
NO_WISH = TrackingWish()


class KubeTracking:
    """The tracking server of one target.

    Parameters
    ----------
    client
        The API server.
    environ
        The environment: who this person is to MLflow.
    own, common
        What settings say of the target, and of all.
    """

    def __init__(
        self,
        client: KubeClient,
        environ: Mapping[str, str],
        own: TrackingWish = NO_WISH,
        common: TrackingWish = NO_WISH,
    ) -> None:
        self._client = client
        self._environ = environ
        self._own = own
        self._common = common
        self._found: TrackingServer | None = None
        self._relay: TrackingRelay | None = None
        self._finding = asyncio.Lock()

    async def find(self) -> TrackingServer:
        """Return the server that settings name, else the one of the namespace.

        Returns
        -------
        TrackingServer
            As it is reached; looked for once.

        Raises
        ------
        TrackingMissingError
            If there is none, or it is not ready.
        AccessError
            If it asks for a name and a password that are not set here, or this person may not
            reach it.
        """
        async with self._finding:
            if self._found is None:
                configured = configured_tracking(self._own, self._common)
                self._found = configured or await self._of_namespace()
            return self._found

    async def browser_uri(self) -> str:
        """Return an address at which one browser sees the server's pages, once if by a relay."""
        server = await self.find()
        return self._relay.browser_uri() if self._relay is not None else server.uri

    async def close(self) -> None:
        """Stop the relay."""
        relay, self._relay, self._found = self._relay, None, None
        if relay is not None:
            await relay.close()

    async def _of_namespace(self) -> TrackingServer:
        target = self._client.target
        pod_uri = f"http://{NAME}.{target.namespace}.svc:{PORT}"
        await self._require_service()
        # That of all is for the server of all, where they name one.
        secret = self._own.secret or ("" if self._common.uri else self._common.secret)
        if not target.context:
            # This program is a pod itself.
            if await self._status_inside(pod_uri) == 401:
                secret = secret or CLIENT_SECRET
            return TrackingServer(pod_uri, pod_uri, secret, "service")
        way, asks_for_name = await self._find_way()
        self._relay = TrackingRelay(way, RelayGuard(usual_variables(self._environ)))
        await self._relay.start()
        on_exit(self.close)
        secret = secret or (CLIENT_SECRET if asks_for_name else "")
        userinfo = f"{RELAY_USER}:{self._relay.guard.token}"
        return TrackingServer(self._relay.uri, pod_uri, secret, "service", userinfo)

    async def _status_inside(self, uri: str) -> int:
        try:
            return await server_status(uri, "", self._environ)
        except GatewayUnavailableError as exc:
            raise self._unready() from exc

    async def _require_service(self) -> None:
        namespace = self._client.target.namespace
        path = object_path("v1", namespace, "services", NAME)
        try:
            await self._client.get(path, operation=f"look for the service {NAME}")
        except NotFoundError as exc:
            target = self._client.target
            raise TrackingMissingError(
                f"There is no MLflow in {namespace}, and the settings name no tracking server that"
                " pods there reach.",
                hint=f"Bring one with: rayspace doctor --on {target.name} --fix\n"
                "or name one with the setting tracking_uri.",
                details={"target": target.name, "namespace": namespace},
            ) from exc

    async def _find_way(self) -> tuple[Way, bool]:
        """Return the way that works, and whether MLflow asks for a name and a password."""
        status, text = 0, ""
        host = f"{NAME}.{self._client.target.namespace}.svc:{PORT}"
        for way in (ProxyWay(self._client), ProxyWay(self._client, host)):
            try:
                status, text = await _ask(way)
            except (RefusedError, GatewayUnavailableError, NotFoundError):
                # It may not use services, or the API server can't reach them, or no pod is ready.
                break
            if status < 400:
                return way, False
            if _WRONG_HOST not in text:
                break
        return await self._find_forward(is_refused=status == 401)

    async def _find_forward(self, *, is_refused: bool) -> tuple[Way, bool]:
        way = ForwardedWay(self._client, login_to("", self._environ))
        try:
            # A connection would wait for a pod.
            await way.find_pod()
            status, _ = await _ask(way)
        except (GatewayUnavailableError, NotFoundError) as exc:
            await way.close()
            raise self._unready() from exc
        if status < 400:
            return way, is_refused
        await way.close()
        if status not in {401, 403}:
            raise self._unready(f": it answers with HTTP status {status}")
        raise AccessError(
            f"MLflow in {self._client.target.namespace} refused access with HTTP status {status}.",
            hint="Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to yours.",
            details={"target": self._client.target.name, "status": status},
        )

    def _unready(self, more: str = "") -> TrackingMissingError:
        target = self._client.target
        return TrackingMissingError(
            f"MLflow in {target.namespace} is not ready{more}.",
            hint=f"See why with: rayspace doctor --on {target.name}",
            details={"target": target.name, "namespace": target.namespace, "is_unready": True},
        )


async def _ask(way: Way) -> tuple[int, str]:
    headers = {"Accept-Encoding": "identity"}
    try:
        async with asyncio.timeout(PATIENCE_S), way.opened("GET", PROBE, headers=headers) as answer:
            return answer.status, (await answer.text(errors="replace"))[:500]
    except TimeoutError as exc:
        raise GatewayUnavailableError(
            f"MLflow did not answer within {PATIENCE_S:g} s.", system="MLflow", operation="answer"
        ) from exc
