"""What a watcher is told by its environment.

===============================  ================================================================
RAYSPACE_IDLE_S                  longest time without work; not set: as long as it likes
RAYSPACE_MAX_LIFETIME_S          longest life; not set: as long as it likes
RAY_CLUSTER_NAME                 the RayCluster
RAYSPACE_POD_NAME                the pod of the head, else HOSTNAME
RAYSPACE_DASHBOARD_URL           dashboard of the head, else http://127.0.0.1:8265
RAY_AUTH_TOKEN                   Ray's token; not set: the head asks for none
RAYSPACE_WATCH_INTERVAL_S        time between two looks, else 10
RAYSPACE_SERVICE_ACCOUNT_DIR     token, CA and namespace, else where Kubernetes mounts them
KUBERNETES_SERVICE_HOST, _PORT   the API server, as Kubernetes tells its pods
===============================  ================================================================
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.errors import SettingsError
from rayspace.gateways.pod_api import ACCOUNT_DIR, pod_api_url

if TYPE_CHECKING:
    from collections.abc import Mapping

_DASHBOARD_URL = "http://127.0.0.1:8265"
_INTERVAL_S = 10.0


@dataclass(frozen=True)
class WatcherSettings:
    """What a watcher is told.

    Parameters
    ----------
    cluster, namespace, pod
        The RayCluster, where it is, and the pod that this program runs in.
    api_url
        The API server.
    account_dir
        Directory with ``token`` and ``ca.crt``; both are renewed while the program runs.
    dashboard_url
        Dashboard of the head.
    idle_s
        Longest time without work; None for as long as it likes. [s]
    max_lifetime_s
        Longest life; None for as long as it likes. [s]
    interval_s
        Time between two looks. [s]
    ray_token
        Ray's token; empty where the head asks for none.
    """

    cluster: str
    namespace: str
    pod: str
    api_url: str
    account_dir: Path
    dashboard_url: str = _DASHBOARD_URL
    idle_s: float | None = None
    max_lifetime_s: float | None = None
    interval_s: float = _INTERVAL_S
    ray_token: str = field(default="", repr=False)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> WatcherSettings:
        """Read the settings.

        Raises
        ------
        SettingsError
            If something is missing without which no cluster can be watched, or is no duration.
        """
        for name in ("KUBERNETES_SERVICE_HOST", "KUBERNETES_SERVICE_PORT"):
            _needed(environment, name)
        account_dir = Path(environment.get("RAYSPACE_SERVICE_ACCOUNT_DIR") or ACCOUNT_DIR)
        try:
            namespace = (account_dir / "namespace").read_text(encoding="utf-8").strip()
        except OSError as error:
            raise SettingsError(
                f"The service account is not mounted: {account_dir}/namespace can't be read.",
                hint="Mount the token of the service account rayspace-head into this container.",
                details={"path": str(account_dir)},
            ) from error
        pod_variable = "RAYSPACE_POD_NAME" if environment.get("RAYSPACE_POD_NAME") else "HOSTNAME"
        dashboard_url = environment.get("RAYSPACE_DASHBOARD_URL") or _DASHBOARD_URL
        return cls(
            cluster=_needed(environment, "RAY_CLUSTER_NAME"),
            namespace=namespace,
            pod=_needed(environment, pod_variable),
            api_url=pod_api_url(environment),
            account_dir=account_dir,
            dashboard_url=dashboard_url.rstrip("/"),
            idle_s=_duration(environment, "RAYSPACE_IDLE_S"),
            max_lifetime_s=_duration(environment, "RAYSPACE_MAX_LIFETIME_S"),
            interval_s=_duration(environment, "RAYSPACE_WATCH_INTERVAL_S") or _INTERVAL_S,
            ray_token=environment.get("RAY_AUTH_TOKEN", "").strip(),
        )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name, "")
    if not value:
        raise SettingsError(
            f"The variable {name} is not set.",
            hint="This program is started by: rayspace cluster up",
            details={"variable": name},
        )
    return value


def _duration(environment: Mapping[str, str], name: str) -> float | None:
    text = environment.get(name, "")
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise SettingsError(
            f"The variable {name} is {text!r}, which is no number of seconds above zero.",
            hint=f"Set {name} to a number of seconds, or leave it out for no limit.",
            details={"variable": name},
        )
    return value
