"""The RayCluster to which this head belongs: read it, write on it, suspend it.

Whose head it is says the owner of its pod, not a variable: each change names the uid of that
RayCluster, and the API server refuses it on any other, of the same name too. Sources:
https://kubernetes.io/docs/reference/using-api/api-concepts/ (merge patch, preconditions) and
sigs.k8s.io/kueue apis/kueue, Workload ``spec.active``.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from rayspace.errors import GatewayError, NotFoundError, RefusedError
from rayspace.gateways.pod_api import PodApi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.watcher.settings import WatcherSettings

_QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
_QUEUES = "/apis/kueue.x-k8s.io"


@dataclass(frozen=True)
class OwnClusterState:
    """What the API server says of the RayCluster.

    Parameters
    ----------
    created_ms
        When it was made. [ms since 1970-01-01 UTC]
    is_suspended
        Whether it is suspended, or about to be.
    is_queued
        Whether a queue decides when it runs.
    owner
        The object that owns it, as kubectl names it; empty for none.
    annotations
        Its annotations.
    version
        Its version, which changes with each change.
    """

    created_ms: int
    is_suspended: bool
    is_queued: bool
    owner: str
    annotations: Mapping[str, str]
    version: str

    def time_ms(self, annotation: str) -> int:
        """Read a time from an annotation; 0 if there is none. [ms since 1970-01-01 UTC]."""
        try:
            return int(self.annotations.get(annotation, "0"))
        except ValueError:
            return 0


class OwnCluster:
    """The RayCluster to which this head belongs.

    Parameters
    ----------
    settings
        Where it is.
    """

    def __init__(self, settings: WatcherSettings) -> None:
        self._settings = settings
        self._api = PodApi(settings.api_url, settings.account_dir)
        self._uid = ""
        space = f"namespaces/{settings.namespace}"
        self._pod_path = f"/api/v1/{space}/pods/{settings.pod}"
        self._path = f"/apis/ray.io/v1/{space}/rayclusters/{settings.cluster}"

    def read(self) -> OwnClusterState:
        """Read it.

        Raises
        ------
        RefusedError
            If the RayCluster of that name is not the one of this pod.
        RayspaceError
            If the API server does not answer, refuses, or knows it no more.
        """
        if not self._uid:
            self._uid = self._owner_of_pod()
        cluster = self._ask("GET", self._path)
        try:
            metadata, spec = cluster["metadata"], cluster["spec"]
            if metadata["uid"] != self._uid:
                raise RefusedError(
                    f"The RayCluster {self._settings.cluster} is not the one of this pod: another "
                    "was made of the same name."
                )
            owners = metadata.get("ownerReferences") or []
            return OwnClusterState(
                created_ms=_time_ms(metadata["creationTimestamp"]),
                is_suspended=bool(spec.get("suspend")),
                is_queued=bool((metadata.get("labels") or {}).get(_QUEUE_LABEL)),
                owner=", ".join(
                    f"{owner['kind']} {owner['name']}"
                    for owner in owners
                    if owner["apiVersion"].startswith("ray.io/")
                ),
                annotations=metadata.get("annotations") or {},
                version=metadata["resourceVersion"],
            )
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise _not_understood("its RayCluster", error) from error

    def annotate(self, annotations: Mapping[str, str | None]) -> None:
        """Write annotations; None takes one away.

        Raises
        ------
        RayspaceError
            If the API server does not answer, or refuses.
        """
        self._patch({"metadata": {"uid": self._uid, "annotations": dict(annotations)}})

    def suspend(self, state: OwnClusterState, annotations: Mapping[str, str | None]) -> str:
        """Suspend it, and say why on it.

        Parameters
        ----------
        state
            It, as just read; if it has changed since, nothing is done.
        annotations
            What to write on it.

        Returns
        -------
        str
            What was done, for the log.

        Raises
        ------
        ConflictError
            If it has changed meanwhile.
        RayspaceError
            If the API server does not answer, or refuses.
        """
        metadata = {
            "uid": self._uid,
            "resourceVersion": state.version,
            "annotations": dict(annotations),
        }
        workloads = self._workloads() if state.is_queued else {}
        if not workloads:
            self._patch({"metadata": metadata, "spec": {"suspend": True}})
            return f"RayCluster {self._settings.cluster}: spec.suspend is true"
        # Kueue owns the field, and would set it back.
        self._patch({"metadata": metadata})
        for path, uid in workloads.items():
            self._patch({"metadata": {"uid": uid}, "spec": {"active": False}}, path)
        names = ", ".join(path.rpartition("/")[2] for path in workloads)
        return f"Workload {names}: spec.active is false"

    def _owner_of_pod(self) -> str:
        pod = self._ask("GET", self._pod_path)
        try:
            for owner in pod["metadata"].get("ownerReferences") or []:
                if (owner["kind"], owner["name"]) == ("RayCluster", self._settings.cluster):
                    return str(owner["uid"])
        except (KeyError, TypeError, AttributeError) as error:
            raise _not_understood("its pod", error) from error
        raise RefusedError(
            f"The pod {self._settings.pod} does not belong to the RayCluster "
            f"{self._settings.cluster}: it is not watched from here."
        )

    def _workloads(self) -> dict[str, str]:
        """Return path and uid of what Kueue keeps of this cluster; nothing without Kueue."""
        try:
            preferred = self._ask("GET", _QUEUES)["preferredVersion"]["groupVersion"]
            path = f"/apis/{preferred}/namespaces/{self._settings.namespace}/workloads"
            items = self._ask("GET", path)["items"]
            return {
                f"{path}/{item['metadata']['name']}": item["metadata"]["uid"]
                for item in items
                for owner in item["metadata"].get("ownerReferences") or []
                if owner["uid"] == self._uid
            }
        except NotFoundError:
            return {}
        except (KeyError, TypeError, AttributeError) as error:
            raise _not_understood("its Workload", error) from error

    def _patch(self, body: Any, path: str = "") -> None:
        self._ask("PATCH", path or self._path, body)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        return self._api.ask(method, path, body)


def _time_ms(text: str) -> int:
    return round(datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").timestamp() * 1000)


def _not_understood(what: str, error: Exception) -> GatewayError:
    return GatewayError(
        f"What Kubernetes says of {what} can't be understood: {error!r}.",
        system="Kubernetes",
        operation=f"read {what}",
    )
