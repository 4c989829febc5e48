"""Decide what would be applied for a wish, and check it against what the namespace allows."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.core.images.choice import DEFAULT_RAY, ImageChoice, choose_image, mismatch
from rayspace.core.kube.cpu_limits import counts_cpu_limits
from rayspace.core.kube.preflight import PreflightFacts, preflight, unjudged
from rayspace.core.limits.limits import exceeded
from rayspace.core.manifests import ray_cluster as manifests
from rayspace.core.profiles.defaults import without_ends
from rayspace.errors import NotFoundError, PreflightError, RefusedError
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.configuration import Configuration, read_configuration
from rayspace.gateways.kube.kuberay import KubeRayCheck
from rayspace.model.progress import Report, Stage
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.gateways.kube.observer import KubeObserver
    from rayspace.model.cluster import ClusterSpec
    from rayspace.model.problem import Problem
    from rayspace.model.snapshot import KubeObject


@dataclass(frozen=True)
class Plan:
    """What would be applied for a wish.

    Parameters
    ----------
    manifest
        The RayCluster.
    image
        Its image.
    configuration
        What the administrator set.
    quotas
        Quotas of the namespace; None where they may not be read.
    """

    manifest: dict[str, Any]
    image: ImageChoice
    configuration: Configuration
    quotas: tuple[KubeObject, ...] | None


class ClusterPlanner:
    """Makes manifests for one target.

    Parameters
    ----------
    client
        The API server.
    observer
        Reads what is there.
    versions
        Returns the versions of Ray (empty for none) and of Python here.
    tracking_secret
        Secret with the credentials of the tracking server; empty for none.
    """

    def __init__(
        self,
        client: KubeClient,
        observer: KubeObserver,
        versions: Callable[[], tuple[str, str]],
        tracking_secret: str = "",
    ) -> None:
        self._tracking_secret = tracking_secret
        self._client = client
        self._observer = observer
        self._versions = versions
        self.kuberay = KubeRayCheck(client)

    async def plan(self, spec: ClusterSpec, *, is_of_job: bool = False) -> Plan:
        """Return what would be applied for a wish.

        The cluster of a job ends with it: the ends that the administrator sets are not for it.
        """
        configuration, user, quotas, ranges = await asyncio.gather(
            read_configuration(self._client),
            self._observer.user(),
            self._observer.readable("v1", "resourcequotas"),
            self._observer.readable("v1", "limitranges"),
        )
        ray_version, python_version = self._versions()
        parts = (spec.head, *(group.worker for group in spec.groups))
        has_gpu = any(part.gpus for part in parts)
        configured = (configuration.gpu_image if has_gpu else "") or configuration.image
        choice = choose_image(
            spec.pods.image, configured, ray_version, python_version, has_gpu=has_gpu
        )
        facts = manifests.ManifestFacts(
            self._client.target.namespace,
            user,
            choice,
            ray_version or DEFAULT_RAY,
            configuration.limits.overlay,
            without_ends(configuration.defaults) if is_of_job else configuration.defaults,
            self._tracking_secret,
            head_may_burst=not counts_cpu_limits(
                configuration.limits if configuration.is_read else None, quotas, ranges
            ),
        )
        manifest = manifests.ray_cluster_manifest(spec, facts)
        return Plan(manifest, choice, configuration, quotas)

    async def check(
        self,
        plan: Plan,
        report: Report,
        *,
        force: bool,
        applied: dict[str, Any] | None = None,
    ) -> None:
        """Raise what would never come up; tell what may have to wait.

        What is applied is held against the limits: the cluster, or the object that brings it.
        """
        problems, notes = await self.problems(plan, applied)
        final = [problem for problem in problems if problem.is_final]
        if final and not force:
            raise PreflightError(
                " ".join(problem.summary for problem in final),
                hint=f"{final[0].hint} To try all the same: --force",
                details={"problems": to_wire(final)},
            )
        for problem in problems:
            report(Stage(f"preflight-{problem.code}", problem.summary, "note"))
        for number, text in enumerate(notes):
            report(Stage(f"preflight-unknown-{number}", text, "note"))

    async def problems(
        self, plan: Plan, applied: dict[str, Any] | None = None
    ) -> tuple[tuple[Problem, ...], tuple[str, ...]]:
        """Say what would keep a cluster from coming up, and what is not known of that."""
        ray_version, python_version = self._versions()
        manifest = plan.manifest
        queue = (manifest["metadata"]["labels"]).get(manifests.QUEUE)
        nodes, queues, account, _ = await asyncio.gather(
            self._observer.readable("v1", "nodes", namespaced=False),
            self._observer.queues.listed("localqueues") if queue else _nothing(),
            self._has_head_account(manifest),
            self.kuberay.require(),
        )
        facts = PreflightFacts(
            nodes=nodes,
            quotas=plan.quotas,
            queues=queues,
            excesses=exceeded(plan.configuration.limits, applied or manifest),
            has_head_account=account,
            mismatch=mismatch(plan.image, ray_version, python_version),
        )
        return preflight(manifest, facts), unjudged(manifest, facts)

    async def _has_head_account(self, manifest: dict[str, Any]) -> bool | None:
        pod = manifest["spec"]["headGroupSpec"]["template"]["spec"]
        name = pod.get("serviceAccountName")
        return await self.has_account(name) if name else None

    async def has_account(self, name: str) -> bool | None:
        """Tell whether the namespace has a service account; None where that may not be asked."""
        path = object_path("v1", self._client.target.namespace, "serviceaccounts", name)
        try:
            await self._client.get(path, operation=f"read the service account {name}")
        except NotFoundError:
            return False
        except RefusedError:
            return None
        return True


async def _nothing() -> None:
    return None
