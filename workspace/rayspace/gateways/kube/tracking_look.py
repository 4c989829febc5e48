"""Look at the tracking server of a target: whether it serves this person, and can serve pods."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rayspace.core.tracking.checks import TrackingFacts
from rayspace.core.tracking.mlflow_start import start_advice, start_state
from rayspace.errors import (
    AccessError,
    NotFoundError,
    RayspaceError,
    RefusedError,
    TrackingMissingError,
)
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.tracking import CLIENT_SECRET
from rayspace.gateways.kube.tracking_way import NAME
from rayspace.gateways.mlflow.probe import login_to, server_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.core.tracking.mlflow_start import StartState
    from rayspace.gateways.kube.client import KubeClient
    from rayspace.gateways.kube.tracking import KubeTracking
    from rayspace.model.tracking import TrackingServer

_LOGIN = "Set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD to yours."


async def look_at_tracking(
    client: KubeClient, tracking: KubeTracking, environ: Mapping[str, str]
) -> TrackingFacts:
    """Look at everything that jobs need to keep their runs.

    Parameters
    ----------
    client
        The API server.
    tracking
        Finds the server.
    environ
        The environment: who this person is to MLflow.

    Returns
    -------
    TrackingFacts
        What was found.
    """
    try:
        server = await tracking.find()
    except TrackingMissingError as exc:
        if not exc.details.get("is_unready"):
            return TrackingFacts("missing", exc.message, exc.hint)
        state = await mlflow_start(client)
        text = f"MLflow is not ready: {state.text}" if state.text else exc.message
        advice = start_advice(state.text, client.target.name, client.target.namespace)
        return TrackingFacts("unready", text, advice)
    except AccessError as exc:
        # Of MLflow, or of the API server.
        is_mlflows = "answer" not in exc.details
        return TrackingFacts("refused" if is_mlflows else "unknown", exc.message, exc.hint)
    except RayspaceError as exc:
        return TrackingFacts("away", exc.message, exc.hint)
    if server.source == "settings":
        found = await _ask_configured(server, environ)
    else:
        asks = server.secret == CLIENT_SECRET
        found = TrackingFacts("ok", pod_uri=server.pod_uri, asks_for_name=asks)
    return await _with_secret(client, replace(found, secret=server.secret))


async def mlflow_start(client: KubeClient) -> StartState:
    """Say how far MLflow's start in the namespace is."""
    namespace = client.target.namespace
    selector = {"labelSelector": f"app.kubernetes.io/name={NAME}"}
    pods = await client.get(
        object_path("v1", namespace, "pods"), operation="find MLflow's pod", query=selector
    )
    return start_state(await deployment(client), pods.get("items") or [])


async def deployment(client: KubeClient) -> Mapping[str, object] | None:
    """Return MLflow's Deployment; None if there is none, or it may not be read."""
    path = object_path("apps/v1", client.target.namespace, "deployments", NAME)
    try:
        found: Mapping[str, object] = await client.get(path, operation="look at MLflow")
    except (NotFoundError, RefusedError):
        return None
    return found


async def _with_secret(client: KubeClient, facts: TrackingFacts) -> TrackingFacts:
    if not facts.secret:
        return facts
    path = object_path("v1", client.target.namespace, "secrets", facts.secret)
    try:
        found = await client.get(path, operation="look for the Secret of MLflow")
    except NotFoundError:
        return facts
    except RefusedError:
        return replace(facts, may_read_secret=False)
    return replace(facts, secret_keys=tuple(sorted(found.get("data") or {})))


async def _ask_configured(server: TrackingServer, environ: Mapping[str, str]) -> TrackingFacts:
    facts = TrackingFacts("ok", uri=server.uri, pod_uri=server.pod_uri)
    try:
        status = await server_status(server.uri, None, environ)
        if status in {401, 403}:
            facts = replace(facts, asks_for_name=True)
            status = await server_status(server.uri, login_to(server.userinfo, environ), environ)
    except RayspaceError as exc:
        return replace(facts, state="away", text=exc.message, hint=exc.hint)
    if status in {401, 403}:
        text = f"MLflow at {server.uri} refused access with HTTP status {status}"
        return replace(facts, state="refused", text=text, hint=_LOGIN)
    if status >= 400:
        text = f"What is at {server.uri} answers with HTTP status {status}, as no MLflow does"
        hint = "Check the setting tracking_uri, and what stands before the server."
        return replace(facts, state="away", text=text, hint=hint)
    return facts
