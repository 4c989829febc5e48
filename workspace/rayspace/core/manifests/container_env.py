"""The environment of Ray's containers on Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.manifests.driver_slots import START_TIMEOUT

if TYPE_CHECKING:
    from rayspace.model.cluster import ClusterSpec

#: A node that is lost says nothing: Ray would wait for seven minutes for the answer of a task on it
#: before it runs it elsewhere. Measured with 2.60: one minute with these. [ms]
_KEEPALIVE = {
    "RAY_grpc_client_keepalive_time_ms": "30000",
    "RAY_grpc_client_keepalive_timeout_ms": "20000",
}
#: What Ray starts on a node sleeps for a second where the socket of another part is not there yet,
#: up to ten times; this is as long in all, in shorter steps. Measured with 2.60. Who sets one of
#: them means the other as Ray has it. [ms], [1]
_CONNECT = {
    "RAY_raylet_client_connect_timeout_milliseconds": "100",
    "RAY_raylet_client_num_connect_attempts": "100",
}


def container_env(spec: ClusterSpec, *, is_head: bool) -> list[dict[str, Any]]:
    """Return the environment of Ray's container in a pod.

    Parameters
    ----------
    spec
        The cluster.
    is_head
        Whether the pod is the head's.
    """
    # Said here too: an operator that is too old to know of tokens would start Ray without any.
    values = {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "token",
        **_KEEPALIVE,
        **({} if _CONNECT.keys() & spec.env.keys() else _CONNECT),
        **spec.env,
    }
    if is_head:
        values.setdefault(*START_TIMEOUT)
    plain: list[dict[str, Any]] = [{"name": name, "value": value} for name, value in values.items()]
    for name, place in spec.pods.secrets.items():
        secret, _, key = place.partition("/")
        source = {"secretKeyRef": {"name": secret, "key": key}}
        plain.append({"name": name, "valueFrom": source})
    return plain
