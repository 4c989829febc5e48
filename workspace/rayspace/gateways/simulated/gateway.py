"""A target on Kubernetes that is only played, for looking around where there is none.

What was asked for lies in a small file, so that kernel, terminal and Jupyter server see the same;
how far it is follows from the clock. Nothing is started, and no machine is asked.
"""

from __future__ import annotations

import contextlib
import json
import secrets
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import filelock

from rayspace.core.clusters.replacement import replaced, replacement
from rayspace.core.clusters.spec import Preview, differences
from rayspace.core.images.choice import DEFAULT_RAY, choose_image, mismatch
from rayspace.core.kube.preflight import PreflightFacts, preflight
from rayspace.core.kube.simulation import NAMESPACE, SimulatedCluster, kube_nodes, snapshot_of
from rayspace.core.kube.state import cluster_state, spec_of
from rayspace.core.manifests import ray_cluster as manifests
from rayspace.errors import (
    ClusterExistsError,
    ClusterNotFoundError,
    PhaseError,
    PreflightError,
    StorageError,
    UsageError,
)
from rayspace.gateways.private_files import make_private_dir
from rayspace.gateways.unsuspendable import Unsuspendable
from rayspace.model.limits import Limits, NamespaceLimits
from rayspace.model.progress import Report, Stage
from rayspace.model.target import SIMULATED, Target
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    import builtins
    from collections.abc import AsyncIterator, Callable, Iterator
    from pathlib import Path

    from rayspace.gateways.contracts import Clock
    from rayspace.model.cluster import ClusterSpec, ClusterState
    from rayspace.model.problem import Problem

_TARGET = Target(SIMULATED, "", NAMESPACE, SIMULATED)
_MARK = "Simulated: "


class SimulatedGateway(Unsuspendable):
    """Clusters that are played; see `ClusterGateway`.

    Parameters
    ----------
    path
        The file of what was asked for.
    clock
        Tells the time.
    versions
        Returns the versions of Ray (empty for none) and of Python here.
    """

    def __init__(self, path: Path, clock: Clock, versions: Callable[[], tuple[str, str]]) -> None:
        self._path = path
        self._clock = clock
        self._versions = versions

    @property
    def target(self) -> str:
        """Name of the target that it serves."""
        return SIMULATED

    def cluster(self, name: str) -> SimulatedCluster:
        """Return a cluster on record; `ClusterNotFoundError` if there is none."""
        found = self._read().get(name)
        if found is None:
            raise ClusterNotFoundError(
                f"There is no cluster {name!r} in the target simulated.",
                hint="List yours with: rayspace cluster list",
                details={"name": name, "target": SIMULATED},
            )
        return found

    async def create(
        self, spec: ClusterSpec, report: Report, *, force: bool = False
    ) -> ClusterState:
        """Put a wish on record, as the API server would."""
        existing = self._read().get(spec.name)
        why = replacement(spec, self._state(existing)) if existing and force else ""
        if existing is not None and not why:
            if differing := differences(spec, spec_of(existing.manifest)):
                raise ClusterExistsError(
                    f"A cluster {spec.name!r} runs already and has {', '.join(differing)}.",
                    hint=f"Give another --name, or end it: rayspace cluster down {spec.name}",
                    details={"name": spec.name},
                )
            return await self.get(spec.name)
        manifest, problems = self._planned(spec)
        final = [problem for problem in problems if problem.is_final]
        if final and not force:
            raise PreflightError(
                " ".join(problem.summary for problem in final),
                hint=f"{final[0].hint} To try all the same: --force",
                details={"problems": to_wire(final)},
            )
        if why:
            report(Stage("anew", why, "note"))
        report(
            Stage("simulated", "This is simulated: a Kubernetes is played, nothing runs", "note")
        )
        now_ms = self._clock.now_ms()
        made = SimulatedCluster(manifest, secrets.token_hex(8), now_ms, now_ms)
        with self._changed() as clusters:
            clusters[spec.name] = made if why else clusters.get(spec.name, made)
        return await self.get(spec.name)

    async def preview(self, spec: ClusterSpec) -> Preview:
        """Return what `create` would put on record."""
        existing = self._read().get(spec.name)
        manifest, problems = self._planned(spec)
        given_up = replaced(spec, self._state(existing)) if existing else None
        return Preview(
            manifest,
            existing.manifest if existing else None,
            () if existing and not given_up else problems,
            ("The target is simulated: nothing would run.",),
            given_up,
        )

    async def get(self, name: str) -> ClusterState:
        """Observe a cluster."""
        return self._state(self.cluster(name))

    async def list(self) -> builtins.list[ClusterState]:
        """Observe all clusters, sorted by name."""
        clusters = self._read()
        return [self._state(clusters[name]) for name in sorted(clusters)]

    async def limits(self) -> NamespaceLimits:
        """Return none: nobody administers what is played."""
        return NamespaceLimits(SIMULATED, NAMESPACE, Limits())

    async def scale(
        self,
        name: str,
        n_workers: int,
        report: Report,
        *,
        max_workers: int | None = None,
        group: str = "",
    ) -> ClusterState:
        """Request another number of workers. [1]"""
        groups = self.cluster(name).manifest["spec"].get("workerGroupSpecs") or []
        names = [item["groupName"] for item in groups]
        if max_workers is not None or not names or (group and group not in names):
            raise PhaseError(
                f"The cluster {name!r} can't be scaled so where it is simulated.",
                hint=f"Give --workers N, and one of the groups {', '.join(names)}.",
                details={"name": name},
            )
        with self._changed() as clusters:
            spec = clusters[name].manifest["spec"]
            index = names.index(group) if group else 0
            chosen = spec["workerGroupSpecs"][index]
            chosen |= {"replicas": n_workers, "maxReplicas": max(n_workers, 1)}
        return await self.get(name)

    async def suspend(self, name: str, report: Report) -> ClusterState:
        """End the pods of a cluster; its description stays."""
        self.cluster(name)
        with self._changed() as clusters:
            clusters[name].manifest["spec"]["suspend"] = True
        report(Stage("suspend", f"{name} is suspended: its description stays", "done"))
        return await self.get(name)

    async def resume(self, name: str, report: Report) -> ClusterState:
        """Bring the pods of a suspended cluster back."""
        self.cluster(name)
        with self._changed() as clusters:
            clusters[name].manifest["spec"].pop("suspend", None)
            clusters[name] = replace(clusters[name], asked_ms=self._clock.now_ms())
        report(Stage("resume", f"{name} is resumed", "done"))
        return await self.get(name)

    async def extend(self, name: str, duration_s: float, report: Report) -> ClusterState:
        """Refuse: nothing would end it. [s]"""
        self.cluster(name)
        raise PhaseError(
            f"The cluster {name!r} is simulated: nothing suspends it, so it can't be extended.",
            hint="On Kubernetes this keeps a cluster from suspending itself.",
            details={"name": name},
        )

    async def planned_deletion(self, name: str) -> builtins.list[str]:
        """Say what `delete` would delete."""
        self.cluster(name)
        return [f"delete the simulated cluster {name}"]

    async def delete(self, name: str, report: Report, *, force: bool = False) -> builtins.list[str]:
        """Forget a cluster."""
        lines = await self.planned_deletion(name)
        with self._changed() as clusters:
            clusters.pop(name, None)
        report(Stage("down", f"{name} is down", "done"))
        return lines

    async def adopt(self, name: str, dashboard_url: str) -> ClusterState:
        """Refuse: all that is played was asked for here."""
        raise UsageError(
            "There is nothing to adopt in the target simulated.",
            hint="Start one: rayspace cluster up cpu-small --on simulated",
        )

    async def logs(self, name: str, *, follow: bool) -> AsyncIterator[str]:
        """Yield the one line that is true."""
        self.cluster(name)
        yield "Simulated: no head runs here, so it writes no log."

    def _state(self, cluster: SimulatedCluster) -> ClusterState:
        snapshot = snapshot_of(cluster, self._clock.now_ms())
        state = cluster_state(snapshot, _TARGET, "", "")
        problems = [replace(p, summary=f"{_MARK}{p.summary}") for p in state.problems]
        reason = _MARK + (state.reason or "nothing of it runs.")
        return replace(
            state,
            reason=reason,
            problems=tuple(problems),
            address=replace(state.address, dashboard_url=""),
        )

    def _planned(self, spec: ClusterSpec) -> tuple[dict[str, Any], tuple[Problem, ...]]:
        """Return the RayCluster of a wish, and what would keep it from coming up."""
        ray_version, python_version = self._versions()
        has_gpu = any(p.gpus for p in (spec.head, *(group.worker for group in spec.groups)))
        choice = choose_image(spec.pods.image, "", ray_version, python_version, has_gpu=has_gpu)
        facts = manifests.ManifestFacts(NAMESPACE, "", choice, ray_version or DEFAULT_RAY)
        manifest = manifests.ray_cluster_manifest(spec, facts)
        known = PreflightFacts(
            nodes=kube_nodes(), mismatch=mismatch(choice, ray_version, python_version)
        )
        return manifest, preflight(manifest, known)

    def _read(self) -> dict[str, SimulatedCluster]:
        try:
            data = json.loads(self._path.read_text("utf-8"))
            return {name: SimulatedCluster(**item) for name, item in data.items()}
        except (OSError, ValueError, TypeError, AttributeError):
            # A game: what can't be read is begun anew.
            return {}

    @contextlib.contextmanager
    def _changed(self) -> Iterator[dict[str, SimulatedCluster]]:
        """Hand out what is on record, and write what became of it."""
        try:
            make_private_dir(self._path.parent)
            with filelock.FileLock(self._path.with_suffix(".lock"), timeout=10):
                clusters = self._read()
                yield clusters
                text = json.dumps({name: asdict(cluster) for name, cluster in clusters.items()})
                new = self._path.with_suffix(".new")
                new.write_text(text, "utf-8")
                new.replace(self._path)
        except OSError as exc:
            raise StorageError(
                f"{self._path} can't be written: {exc.strerror or exc}.",
                hint="Free some space or make it writable.",
                details={"path": str(self._path), "errno": exc.errno},
            ) from exc
