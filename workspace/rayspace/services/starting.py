"""Start a job that is on record: on a cluster that runs, or with one of its own."""

from __future__ import annotations

import json
import shlex
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from rayspace.core.jobs.wishes import gpus_of_cluster
from rayspace.errors import ManifestError
from rayspace.loop import in_thread
from rayspace.model.ray_job import NO_SHELL, Launch
from rayspace.model.run import Tag
from rayspace.model.submission import Destination
from rayspace.model.target import LOCAL

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rayspace.core.clusters.spec import UpPlan
    from rayspace.core.jobs.wishes import JobWishes
    from rayspace.gateways.contracts import HeadGateway, JobGateway
    from rayspace.model.cluster import ClusterState
    from rayspace.model.job import JobOrder
    from rayspace.model.progress import Report
    from rayspace.model.run import RunRecord
    from rayspace.services.ledgers import Ledger

#: Ray kills what has not ended so long after a stop; its default is 3 s. [s]
_STOP_WAIT = {"RAY_JOB_STOP_WAIT_TIME_S": "60"}
#: On Kubernetes every head has its dashboard there [1]; and what a runner can't store is gone with
#: its pod, so it waits for a tracking server that is being moved to another node [s].
_ON_KUBERNETES = {"RAYSPACE_DASHBOARD_PORT": "8265", "RAYSPACE_PATIENCE_S": "900"}
#: A run that is on record, whose RayJob is not there yet.
NOT_YET = "-"


class Starter(Protocol):
    """One way to run a job."""

    @property
    def destination(self) -> Destination:
        """Where it runs."""
        ...

    def tags(self, order: JobOrder) -> dict[str, str]:
        """Return the tags of its run that say where it runs."""
        ...

    async def check(self, order: JobOrder, report: Report, *, force: bool = False) -> None:
        """Raise what would never come up; changes nothing."""
        ...

    async def preview(self, order: JobOrder) -> dict[str, Any] | None:
        """Return the object that would be applied; None where there is none."""
        ...

    async def start(
        self, order: JobOrder, run: RunRecord, ledger: Ledger, report: Report
    ) -> Mapping[str, str]:
        """Start it, and return what its run is tagged with."""
        ...


class OnRunningCluster:
    """A job that shares a cluster, by the Jobs API of its head.

    Parameters
    ----------
    cluster
        The cluster, which is ready.
    wishes
        How it shall run.
    head
        The HTTP face of a head.
    archive
        Returns the runner as a file.
    credentials
        Writes what the runner needs to reach the tracking server to a private file of this machine
        and returns its path; empty when nothing is needed.
    """

    def __init__(
        self,
        cluster: ClusterState,
        wishes: JobWishes,
        head: HeadGateway,
        archive: Callable[[], Path],
        credentials: Callable[[str], str],
    ) -> None:
        self._cluster = cluster
        self._wishes = wishes
        self._head = head
        self._archive = archive
        self._credentials = credentials

    @property
    def destination(self) -> Destination:
        """Where it runs."""
        cluster = self._cluster
        is_here = cluster.target == LOCAL
        return Destination(
            target=cluster.target,
            cluster=cluster.name,
            cluster_uid=cluster.uid,
            profile=cluster.profile,
            namespace=cluster.namespace,
            python=cluster.python if is_here else "",
            ray_version=cluster.ray_version,
            sampled_gpus=gpus_of_cluster(cluster.spec.env),
        )

    def tags(self, order: JobOrder) -> dict[str, str]:
        """Return the tags of its run that say where it runs."""
        return _tags(self.destination, self._cluster.name)

    async def check(self, order: JobOrder, report: Report, *, force: bool = False) -> None:
        """Find nothing: what runs has been found."""

    async def preview(self, order: JobOrder) -> dict[str, Any] | None:
        """Return None: no object is applied."""
        return None

    async def start(
        self, order: JobOrder, run: RunRecord, ledger: Ledger, report: Report
    ) -> Mapping[str, str]:
        """Submit it to the head."""
        archive = await in_thread(self._archive)
        cluster = self._cluster
        env = {**_runner_env(order, run, ledger, cluster.name), **_STOP_WAIT}
        env["RAYSPACE_CLUSTER_UID"] = cluster.uid
        if order.retries:
            # Nobody else starts it anew.
            env["RAYSPACE_RETRIES_HERE"] = "1"
        if cluster.target != LOCAL:
            await self._submit_there(order, run, ledger, env, archive)
            return {}
        env |= {
            "RAYSPACE_PYTHON": cluster.python,
            "RAYSPACE_RUNNER_PATH": str(archive),
            "RAYSPACE_DASHBOARD_URL": cluster.address.dashboard_url,
        }
        credentials = await in_thread(self._credentials, order.name)
        if credentials:
            env["RAYSPACE_CREDENTIALS_FILE"] = credentials
        try:
            entrypoint = shlex.join([NO_SHELL, cluster.python, str(archive)])
            await self._submit(order, run, ledger, env, entrypoint)
        except BaseException:
            # Else the runner deletes it when it has read it.
            if credentials:
                Path(credentials).unlink(missing_ok=True)
            raise
        return {}

    async def _submit_there(
        self,
        order: JobOrder,
        run: RunRecord,
        ledger: Ledger,
        env: dict[str, str],
        archive: Path,
    ) -> None:
        """Submit it to a head whose machine does not have the files of this one."""
        package = await self._head.store_package(self._cluster.address, archive)
        # The nodes on which its workers run take the runner from there as well.
        env |= {"RAYSPACE_PYTHON": "python", "RAYSPACE_RUNNER_PACKAGE": package, **_ON_KUBERNETES}
        entrypoint = f"{NO_SHELL} python -m rayspace.runner"
        await self._submit(order, run, ledger, env, entrypoint, working_dir=package)

    async def _submit(
        self,
        order: JobOrder,
        run: RunRecord,
        ledger: Ledger,
        env: Mapping[str, str],
        entrypoint: str,
        *,
        working_dir: str = "",
    ) -> None:
        # What another notebook waits for must not wait for its place, nor what runs elsewhere.
        may_wait = not (order.depth or self._wishes.driver_cpus or self._wishes.driver_gpus)
        nodes = await self._head.nodes(self._cluster.address) if may_wait else []
        await self._head.submit(
            self._cluster.address,
            submission_id=order.name,
            entrypoint=entrypoint,
            env=env,
            metadata={
                "rayspace.run_id": run.run_id,
                "rayspace.tracking_uri": ledger.pod_uri,
                "rayspace.notebook": order.notebook,
            },
            working_dir=working_dir,
            driver_cpus=self._wishes.driver_cpus,
            driver_gpus=self._wishes.driver_gpus,
            takes_slot=any(node.driver_slots for node in nodes),
        )


class WithOwnCluster:
    """A job that gets a cluster, which ends with it: KubeRay does both without this machine.

    Parameters
    ----------
    plan
        The cluster, whose name does not count: it is the job's.
    namespace
        Where.
    wishes
        How it shall run.
    gateway
        Jobs of the target.
    archive
        Returns the runner as a file.
    """

    def __init__(
        self,
        plan: UpPlan,
        namespace: str,
        wishes: JobWishes,
        gateway: JobGateway,
        archive: Callable[[], Path],
    ) -> None:
        self._plan = plan
        self._spec = plan.spec
        self._target = plan.target
        self._namespace = namespace
        self._wishes = wishes
        self._gateway = gateway
        self._archive = archive

    @property
    def destination(self) -> Destination:
        """Where it runs."""
        return Destination(
            target=self._target,
            cluster="",
            profile=self._spec.profile,
            namespace=self._namespace,
            price_per_hour=self._spec.pods.price_per_hour,
            sampled_gpus=gpus_of_cluster(self._spec.env),
        )

    def tags(self, order: JobOrder) -> dict[str, str]:
        """Return the tags of its run that say where it runs."""
        return {**_tags(self.destination, order.name), Tag.RAY_JOB_UID: NOT_YET}

    async def check(self, order: JobOrder, report: Report, *, force: bool = False) -> None:
        """Raise what would never come up; changes nothing."""
        await self._gateway.check(self._launch(order, {}, "", ""), report, force=force)

    async def preview(self, order: JobOrder) -> dict[str, Any] | None:
        """Return the RayJob that would be applied."""
        return await self._gateway.preview(self._launch(order, {}, "", ""))

    async def start(
        self, order: JobOrder, run: RunRecord, ledger: Ledger, report: Report
    ) -> Mapping[str, str]:
        """Apply the RayJob."""
        archive = await in_thread(self._archive)
        env = _runner_env(order, run, ledger, order.name)
        env |= {"RAYSPACE_PYTHON": "python", **_ON_KUBERNETES}
        launch = self._launch(order, env, run.run_id, ledger.secret)
        try:
            made = await self._gateway.create(launch, archive)
        except ManifestError as exc:
            raise self._plan.located(exc) from exc
        return {Tag.RAY_JOB_UID: made.uid}

    def _launch(self, order: JobOrder, env: dict[str, str], run_id: str, secret: str) -> Launch:
        wishes = self._wishes
        return Launch(
            spec=replace(self._spec, name=order.name),
            run_id=run_id,
            env=env,
            secret=secret,
            driver_cpus=wishes.driver_cpus,
            driver_gpus=wishes.driver_gpus,
            retries=order.retries,
            deadline_s=order.deadline_s,
            start_deadline_s=wishes.start_deadline_s,
            keep_failed_s=wishes.keep_failed_s,
        )


def _tags(destination: Destination, cluster: str) -> dict[str, str]:
    tags = {
        Tag.CLUSTER: cluster,
        Tag.TARGET: destination.target,
        Tag.PROFILE: destination.profile,
        Tag.CLUSTER_UID: destination.cluster_uid,
        Tag.RAY_VERSION: destination.ray_version,
        Tag.NAMESPACE: destination.namespace,
    }
    return {key: value for key, value in tags.items() if value}


def _runner_env(order: JobOrder, run: RunRecord, ledger: Ledger, cluster: str) -> dict[str, str]:
    """Return what every runner is told by its environment, which Ray shows to whoever may ask."""
    env = {
        "RAYSPACE_RUN_ID": run.run_id,
        "RAYSPACE_JOB": order.name,
        "RAYSPACE_CLUSTER": cluster,
        "MLFLOW_TRACKING_URI": ledger.pod_uri,
    }
    if order.retries:
        env["RAYSPACE_RETRIES"] = str(order.retries)
    if order.packages:
        env["RAYSPACE_PACKAGES"] = json.dumps(order.packages, separators=(",", ":"))
        # Where packages come from may be said for the job alone.
        env |= {k: v for k, v in order.env.items() if k.startswith(("PIP_", "UV_"))}
    return env
