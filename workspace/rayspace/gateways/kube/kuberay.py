"""Whether a target has a KubeRay that can make what we ask for."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.kube.kuberay_release import has_job_rules, kuberay_problem, no_kuberay
from rayspace.errors import GatewayError, NotFoundError, PreflightError, RefusedError
from rayspace.gateways.kube.namespace_watch import RAY
from rayspace.gateways.kube.queues import KUEUE
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.kube.client import KubeClient


class KubeRayCheck:
    """Asks once in a session; no longer when the answer was good.

    Parameters
    ----------
    client
        The API server.
    """

    def __init__(self, client: KubeClient) -> None:
        self._client = client
        self._is_enough = False
        self._has_job_rules: bool | None = None

    async def require(self) -> None:
        """Raise `PreflightError` where KubeRay is missing or too old.

        Where nobody may say, nothing is raised: the API server refuses fields that it lacks.
        """
        if self._is_enough:
            return
        target = self._client.target.name
        try:
            document = await self._description()
        except NotFoundError:
            problem = no_kuberay(target)
        except (RefusedError, GatewayError):
            return
        else:
            found = kuberay_problem(document, target)
            if found is None:
                self._is_enough = True
                return
            problem = found
        # Not by force either: there would be no cluster, or one that is open to all.
        raise PreflightError(
            problem.summary, hint=problem.hint, details={"problems": to_wire([problem])}
        )

    async def has_job_rules(self) -> bool:
        """Tell whether a RayJob may say what is deleted when; False where nobody may say.

        Nor may it where Kueue is: its webhook rewrites every RayJob, with or without a queue, and
        adds an empty ``jobStatus`` to such a rule, which KubeRay's description refuses. Seen with
        Kueue 0.15 and KubeRay 1.6.
        """
        try:
            if self._has_job_rules is None:
                await self._description()
            # Asked each time: it may be installed while a server of ours runs for weeks.
            return bool(self._has_job_rules) and not await self._is_known(KUEUE)
        except (NotFoundError, RefusedError, GatewayError):
            return False

    async def _is_known(self, group: str) -> bool:
        try:
            await self._client.get(f"/apis/{group}", operation=f"ask for {group}")
        except NotFoundError:
            return False
        return True

    async def _description(self) -> Mapping[str, Any]:
        # A megabyte; all others that tell it ask for rights that a person need not have.
        document: Mapping[str, Any] = await self._client.get(
            f"/openapi/v3/apis/{RAY}", operation="read what a RayCluster looks like"
        )
        self._has_job_rules = has_job_rules(document)
        return document
