"""Check what a submission asks for, before anything is changed."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.cluster_spec import Wishes
from rayspace.core.parameters import parse_parameters_file
from rayspace.errors import PhaseError, UsageError
from rayspace.model.cluster import ClusterPhase, ClusterState
from rayspace.model.submission import SubmitRequest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rayspace.model.progress import Report
    from rayspace.model.submission import Draft, JobDefaults
    from rayspace.services.clusters import ClusterService
    from rayspace.services.submission import Submission


class Orders:
    """Turns what was asked into a checked request and a ready cluster.

    Parameters
    ----------
    clusters
        The clusters.
    submission
        Reads notebooks.
    defaults
        What a submission takes when nobody says otherwise.
    """

    def __init__(
        self, clusters: ClusterService, submission: Submission, defaults: JobDefaults
    ) -> None:
        self._clusters = clusters
        self._submission = submission
        self._defaults = defaults

    async def check(
        self,
        notebook: str | Path,
        params: Mapping[str, object] | None,
        params_file: str | Path | None,
        include: Sequence[str],
        env: Mapping[str, str] | None,
        deadline_s: float | None,
        cell_timeout_s: float | None,
    ) -> Draft:
        """Check all that needs no cluster; parameters as for `JobService.submit`."""
        for label, value in (("deadline", deadline_s), ("cell timeout", cell_timeout_s)):
            if value is not None and not value > 0:
                raise UsageError(f"The {label} can't be {value:g} s.", hint="Give more than 0 s.")
        given: dict[str, object] = {}
        if params_file is not None:
            given.update(await asyncio.to_thread(_read_params, Path(params_file).expanduser()))
        given.update(params or {})
        request = SubmitRequest(
            notebook_path=Path(notebook).expanduser(),
            parameters=given,
            include=tuple(include),
            env=dict(env or {}),
            deadline_s=deadline_s,
            cell_timeout_s=cell_timeout_s,
            sample_interval_s=self._defaults.sample_interval_s,
            experiment=self._defaults.experiment,
            parent_run_id=self._defaults.parent_run_id,
            depth=self._defaults.depth,
        )
        return await asyncio.to_thread(self._submission.draft, request)

    async def find(self, cluster: str | None, profile: str | None) -> ClusterState | None:
        """Find the cluster that is meant, without starting one; parameters as for `submit`.

        Returns
        -------
        ClusterState or None
            The cluster, which is ready or starts; None where the profile says what to start.
        """
        if cluster is not None and profile is not None:
            raise UsageError(
                "Both a cluster and a profile were given.",
                hint="--cluster uses a running cluster, --profile starts one: give one of them.",
            )
        if profile is not None:
            # Raises for one that there is not.
            await self._clusters.plan(profile, Wishes())
            return None
        state = await self._clusters.status(cluster)
        if state.namespace:
            raise PhaseError(
                f"The cluster {state.name!r} is on Kubernetes, where notebooks can't be shipped to"
                " yet.",
                hint="Ship it to a cluster on this machine: --profile laptop",
                details={"name": state.name, "target": state.target},
            )
        if state.phase not in {ClusterPhase.STARTING, ClusterPhase.READY}:
            raise PhaseError(
                f"The cluster {state.name!r} is {state.phase.value}: {state.reason}",
                hint=f"Start it anew with: rayspace cluster up {state.profile}".rstrip(),
            )
        return state

    async def ready(
        self, found: ClusterState | None, profile: str | None, report: Report
    ) -> ClusterState:
        """Start the profile's cluster where none was found, and wait until it can be used."""
        if found is None:
            return await self._clusters.up(profile, report=report)
        if found.phase is ClusterPhase.READY:
            return found
        return await self._clusters.wait_ready(found.name, report=report)


def _read_params(path: Path) -> dict[str, object]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"The parameters file {path} can't be read: {exc}.", hint="Give a YAML or JSON file."
        ) from exc
    return parse_parameters_file(text, str(path))
