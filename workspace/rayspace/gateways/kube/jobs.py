"""RayJobs of one namespace: notebooks that get a cluster of their own, which ends with them.

The object is the record of what KubeRay was asked for; what became of the notebook is in its run.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayspace.core.jobs.ray_job import (
    ACCOUNT,
    ORIGIN_LABEL,
    RUNNER_FILE,
    changes_for_a_stop,
    ray_job_manifest,
    ray_job_state,
    runner_secret,
)
from rayspace.core.kube.belonging import CLUSTER_LABEL
from rayspace.core.kube.events import event_lines
from rayspace.errors import (
    ClusterNotFoundError,
    ConflictError,
    GatewayError,
    JobNotFoundError,
    NotFoundError,
    ObjectNotFoundError,
    RefusedError,
)
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.namespace_watch import RAY
from rayspace.gateways.kube.program_secret import made_with_program
from rayspace.model.ray_job import RayJobStage, RayJobState

if TYPE_CHECKING:
    from pathlib import Path

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.gateways.kube.observer import KubeObserver
    from rayspace.gateways.kube.planning import ClusterPlanner, Plan
    from rayspace.model.cluster import ClusterSpec, ClusterState
    from rayspace.model.progress import Report
    from rayspace.model.ray_job import Launch

#: While it is there, its cluster may tell why nothing runs.
_ON_THE_WAY = {RayJobStage.INITIALIZING, RayJobStage.WAITING, RayJobStage.RETRYING}
_IN_QUEUE = {RayJobStage.NEW, RayJobStage.SUSPENDED, RayJobStage.SUSPENDING}


class KubeJobs:
    """Jobs with a cluster of their own, in the namespace of a target.

    Parameters
    ----------
    client
        The API server.
    observer
        Reads what is there.
    planner
        Makes the cluster of a job.
    """

    def __init__(self, client: KubeClient, observer: KubeObserver, planner: ClusterPlanner) -> None:
        self._client = client
        self._observer = observer
        self._planner = planner

    @property
    def namespace(self) -> str:
        """Where they are."""
        return self._client.target.namespace

    async def preview(self, launch: Launch) -> dict[str, Any]:
        """Return the object that `create` would apply."""
        plan = await self._planner.plan(_unwatched(launch.spec), is_of_job=True)
        return await self._manifest(launch, plan)

    async def check(self, launch: Launch, report: Report, *, force: bool = False) -> None:
        """Raise what would never come up; tell what may have to wait. Changes nothing."""
        plan = await self._planner.plan(_unwatched(launch.spec), is_of_job=True)
        job = await self._manifest(launch, plan)
        await self._planner.check(plan, report, force=force, applied=job)

    async def _manifest(self, launch: Launch, plan: Plan) -> dict[str, Any]:
        has_rules, has_account = await asyncio.gather(
            self._planner.kuberay.has_job_rules(), self._planner.has_account(ACCOUNT)
        )
        return ray_job_manifest(
            launch,
            plan.manifest,
            has_deletion_rules=has_rules,
            has_account=bool(has_account),
            limits=plan.configuration.limits,
        )

    async def create(self, launch: Launch, archive: Path) -> RayJobState:
        """Apply a RayJob; from then on this machine is not needed.

        Parameters
        ----------
        launch
            What is to be started.
        archive
            The runner, as one file.

        Returns
        -------
        RayJobState
            As the API server has it.

        Raises
        ------
        ConflictError
            If there is a job of that name.
        """
        name = launch.spec.name
        manifest, is_taken = await asyncio.gather(self.preview(launch), self._is_there(name))
        if is_taken:
            # Applied to, it would become another job's while it runs.
            raise ConflictError(
                f"There is a RayJob {name!r} already in {self.namespace}.", hint="Submit again."
            )
        made = await made_with_program(
            self._client,
            runner_secret(name),
            RUNNER_FILE,
            archive,
            "RayJob",
            lambda: self._client.apply(
                self._path(name), manifest, operation=f"make the job {name}", force=True
            ),
        )
        return ray_job_state(made)

    async def _is_there(self, name: str) -> bool:
        try:
            await self._client.get(self._path(name), operation=f"look for the job {name}")
        except NotFoundError:
            return False
        return True

    async def get(self, name: str, *, explain: bool = True) -> RayJobState:
        """Observe a job; `JobNotFoundError` if there is none of that name.

        Parameters
        ----------
        name
            The job.
        explain
            Whether to say what it waits for.
        """
        try:
            item = await self._client.get(self._path(name), operation=f"read the job {name}")
        except NotFoundError as exc:
            target = self._client.target
            raise JobNotFoundError(
                f"There is no RayJob {name!r} in {target.namespace} of {target.name}.",
                hint="List jobs with: rayspace job list",
                details={"name": name, "target": target.name},
            ) from exc
        state = ray_job_state(item)
        if not explain:
            return state
        if state.stage in _ON_THE_WAY and state.cluster:
            return await self.explained(state)
        if state.stage in _IN_QUEUE:
            return await self._queued(state, item)
        return state

    async def explained(self, state: RayJobState) -> RayJobState:
        """Say what keeps the cluster of a job from running, if anything does."""
        try:
            cluster = await self._observer.explained(state.cluster)
        except ClusterNotFoundError:
            # Named before it is made.
            return state
        final = any(problem.is_final for problem in cluster.problems)
        lost = (p.summary for p in cluster.problems if p.code == "node_lost" and p.is_about_head)
        return replace(state, waits_for=cluster.reason, is_hopeless=final, lost_head=next(lost, ""))

    async def cluster(self, state: RayJobState) -> ClusterState:
        """Observe the cluster of a job; `ClusterNotFoundError` while, or when, it has none."""
        if not state.cluster:
            # Without a name, all clusters would be asked for.
            raise ClusterNotFoundError(
                f"The job {state.name!r} has no cluster at the moment.",
                hint=f"See where it stands with: rayspace job status {state.name}",
                details={"name": state.name},
            )
        return await self._observer.get(state.cluster)

    async def end_when_stopped(self, name: str) -> None:
        """Let KubeRay end the cluster of a job when Ray has stopped the job."""
        item = await self._client.get(self._path(name), operation=f"read the job {name}")
        if changes := changes_for_a_stop(item):
            operation = f"let the cluster of {name} end with it"
            await self._client.merge(self._path(name), changes, operation=operation)

    async def delete(self, name: str) -> None:
        """Delete a job and its cluster; one that is gone is no error."""
        with contextlib.suppress(ObjectNotFoundError, NotFoundError):
            await self._client.delete(self._path(name), operation=f"delete the job {name}")

    async def events(self, name: str) -> str:
        """Return what Kubernetes tells of a job, its clusters and their pods, by time.

        Kubernetes forgets after an hour.
        """
        events = await self._observer.readable("v1", "events") or ()
        return "".join(event_lines(events, name))

    async def pod_logs(self, name: str, *, n_lines: int = 2000) -> dict[str, str]:
        """Return the last lines of Ray's container in each pod of a job, by the pod's name."""
        namespace = self._client.target.namespace
        answer = await self._client.get(
            object_path(RAY, namespace, "rayclusters"),
            operation="find the job's clusters",
            query={"labelSelector": f"{ORIGIN_LABEL}={name}"},
        )
        found: dict[str, str] = {}
        for cluster in answer.get("items") or []:
            pods = await self._client.get(
                object_path("v1", namespace, "pods"),
                operation="find the job's pods",
                query={"labelSelector": f"{CLUSTER_LABEL}={cluster['metadata']['name']}"},
            )
            for pod in pods.get("items") or []:
                found |= await self._pod_log(pod, n_lines)
        return found

    async def _pod_log(self, pod: dict[str, Any], n_lines: int) -> dict[str, str]:
        name = str(pod["metadata"]["name"])
        query = {"container": pod["spec"]["containers"][0]["name"], "tailLines": n_lines}
        path = object_path("v1", self._client.target.namespace, "pods", name, "log")
        try:
            text = await self._client.text(path, operation=f"read the log of {name}", query=query)
        except (NotFoundError, RefusedError, GatewayError):
            # A pod that never began has none.
            return {}
        return {name: text}

    async def _queued(self, state: RayJobState, item: dict[str, Any]) -> RayJobState:
        problem = await self._observer.queue_problem(item)
        if problem is None:
            return state
        return replace(state, waits_for=problem.summary, is_hopeless=problem.is_final)

    def _path(self, name: str) -> str:
        return object_path(RAY, self._client.target.namespace, "rayjobs", name)


def _unwatched(spec: ClusterSpec) -> ClusterSpec:
    """Describe the cluster of a job: it ends with the job, so nothing watches it for idleness."""
    return replace(spec, pods=replace(spec.pods, idle_s=None, max_lifetime_s=None))
