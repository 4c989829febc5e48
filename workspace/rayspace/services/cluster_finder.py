"""Find clusters: by name, by target, or the one that is meant when nobody names one."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from rayspace.core.clusters.ownership import require_own
from rayspace.core.clusters.selection import choose, one_of
from rayspace.errors import (
    ClusterNotFoundError,
    GatewayError,
    RayspaceError,
    TargetNotFoundError,
)
from rayspace.model.cluster import ClusterState
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.target import LOCAL
from rayspace.names import nearest

if TYPE_CHECKING:
    import builtins
    from collections.abc import Mapping, Sequence

    from rayspace.gateways.contracts import ClusterGateway, Selection

#: A target that takes longer is not waited for in a list. [s]
_LIST_S = 5.0


class ClusterFinder:
    """Finds clusters of all targets.

    Parameters
    ----------
    gateways
        One for each target.
    selection
        What `use` chose.
    project
        The project directory.
    settled
        Targets that are asked also when nobody names them.
    """

    def __init__(
        self,
        gateways: Mapping[str, ClusterGateway],
        selection: Selection,
        project: str,
        settled: Sequence[str] = (),
    ) -> None:
        self._gateways = gateways
        self._selection = selection
        self._project = project
        self._settled = set(settled)

    async def list(
        self, *, target: str | None = None, report: Report = silent
    ) -> builtins.list[ClusterState]:
        """List the clusters of all targets that are in use, sorted by target and name.

        Parameters
        ----------
        target
            Only this one; ``all`` for each context of the kubeconfig too.
        report
            Called with each target that does not answer; it is not waited for.

        Returns
        -------
        list of ClusterState
            The clusters.
        """
        if target not in {None, "all"}:
            return await self.gateway(str(target)).list()
        names = list(self._gateways) if target == "all" else self._in_use()
        found = await asyncio.gather(*(self._listed(name, report) for name in names))
        return sorted((c for part in found for c in part), key=lambda c: (c.target, c.name))

    async def _listed(self, target: str, report: Report) -> builtins.list[ClusterState]:
        if target == LOCAL:
            return await self._gateways[target].list()
        try:
            async with asyncio.timeout(_LIST_S):
                return await self._gateways[target].list()
        except TimeoutError:
            report(Stage(f"target-{target}", f"{target} does not answer", "note"))
        except RayspaceError as exc:
            report(Stage(f"target-{target}", f"{target}: {exc.message}", "note"))
        return []

    async def status(
        self, name: str | None = None, *, target: str | None = None, explain: bool = False
    ) -> ClusterState:
        """Observe a cluster; by default the chosen one.

        Parameters
        ----------
        name
            The cluster.
        target
            Where; by default where the chosen one is, else the only place with one of that name.
        explain
            Whether to read all that may say why it is as it is.

        Returns
        -------
        ClusterState
            The cluster.

        Raises
        ------
        UsageError
            If it was not said which of several is meant.
        """
        if name is None and target is None:
            state = await self._chosen()
        elif name is None:
            state = self._choice(await self.gateway(str(target)).list())
        elif target is not None:
            state = await self.gateway(target).get(name)
        else:
            state = await self._found(name)
        return await self.gateway(state.target).explain(state.name) if explain else state

    async def changeable(
        self, name: str | None = None, *, target: str | None = None, force: bool = False
    ) -> ClusterState:
        """Observe a cluster that is to be changed; by default the chosen one.

        Parameters
        ----------
        name, target
            The cluster, and where it is; see `status`.
        force
            Whether one that somebody else made is meant too, if it was named.

        Returns
        -------
        ClusterState
            The cluster.

        Raises
        ------
        RefusedError
            If somebody else made it.
        """
        state = await self.status(name, target=target)
        require_own(state, force=force and name is not None)
        return state

    async def _chosen(self) -> ClusterState:
        name, where = self.chosen_name(), self.chosen_target() or LOCAL
        if where != LOCAL and where in self._gateways:
            try:
                return await self._gateways[where].get(name)
            except ClusterNotFoundError:
                # Deleted by somebody: choose anew.
                pass
        return self._choice(await self.list())

    def _choice(self, clusters: Sequence[ClusterState]) -> ClusterState:
        where = self.chosen_target() or LOCAL
        return choose(clusters, self.chosen_name(), self._project, where)

    async def _found(self, name: str) -> ClusterState:
        """Find a cluster wherever it is, first where the chosen one is."""
        in_use = self._in_use()
        where = self.chosen_target() or (LOCAL if self.chosen_name() else "")
        answers = [await self._answer(name, where)] if where in in_use else []
        for answer in answers:
            if isinstance(answer, ClusterState) and not answer.phase.is_terminal:
                return answer
            if isinstance(answer, GatewayError) and name == self.chosen_name():
                # One of its name elsewhere is another.
                raise answer
        others = [target for target in in_use if target != where]
        answers += await asyncio.gather(*(self._answer(name, target) for target in others))
        if found := [answer for answer in answers if isinstance(answer, ClusterState)]:
            return one_of(found, where)
        troubles = [answer for answer in answers if isinstance(answer, RayspaceError)]
        # Where one does not answer it may well be: nobody can say that there is none.
        unanswered = [trouble for trouble in troubles if isinstance(trouble, GatewayError)]
        raise (unanswered or troubles)[0]

    async def _answer(self, name: str, target: str) -> ClusterState | RayspaceError:
        try:
            return await self.gateway(target).get(name)
        except (ClusterNotFoundError, GatewayError) as exc:
            # Another target may have it.
            return exc

    def _in_use(self) -> builtins.list[str]:
        """Name the targets that are asked without being named, this machine last."""
        chosen = self.chosen_target()
        kube = [n for n in self._gateways if n != LOCAL and (n == chosen or n in self._settled)]
        local = [name for name in self._gateways if name == LOCAL]
        return [*sorted(kube, key=lambda name: name != chosen), *local] or list(self._gateways)

    def chosen_name(self) -> str:
        """Return what `use` chose in this project; empty for nothing."""
        return self._selection.get(self._project).partition("@")[0]

    def chosen_target(self) -> str:
        """Return where the chosen cluster is; empty for nothing, and on this machine."""
        return self._selection.get(self._project).partition("@")[2]

    def is_chosen(self, state: ClusterState) -> bool:
        """Whether a cluster is the one that `use` chose."""
        chosen = (self.chosen_name(), self.chosen_target() or LOCAL)
        return (state.name, state.target) == chosen

    def choose(self, name: str, target: str = LOCAL) -> None:
        """Choose a cluster for the project; an empty name forgets the choice."""
        # Names hold no such sign; targets may.
        text = f"{name}@{target}" if name and target != LOCAL else name
        self._selection.set(self._project, text)

    def gateway(self, target: str) -> ClusterGateway:
        """Return the gateway of a target; `TargetNotFoundError` if there is none."""
        if target not in self._gateways:
            known = sorted(self._gateways)
            like = nearest(target, known) or known
            raise TargetNotFoundError(
                f"There is no target {target!r}.",
                hint=f"Targets here: {', '.join(like)}. See: rayspace cluster targets",
                details={"target": target, "known": sorted(self._gateways)},
            )
        return self._gateways[target]
