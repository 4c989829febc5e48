"""Check what a submission asks for, before anything is changed."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.clusters.wishes import Wishes
from rayspace.core.jobs.sweep import MAX_TRIALS
from rayspace.core.jobs.wishes import DEFAULT_PROFILE, asked_gpus, job_wishes, wishes_on_record
from rayspace.core.notebooks.parameters import parse_parameters_file
from rayspace.errors import PhaseError, RefusedError, UsageError
from rayspace.loop import in_thread
from rayspace.model.cluster import ClusterPhase
from rayspace.model.job import JobOrder
from rayspace.model.packages import PackagesMode
from rayspace.model.run import Artifact
from rayspace.model.submission import Destination, SubmitRequest
from rayspace.model.target import LOCAL, SIMULATED

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.core.clusters.spec import UpPlan
    from rayspace.core.jobs.wishes import JobWishes, SubmitOptions
    from rayspace.gateways.contracts import RunGateway
    from rayspace.model.progress import Report
    from rayspace.model.run import RunRecord
    from rayspace.model.submission import Draft, JobDefaults, SubmitPlan
    from rayspace.services.clusters import ClusterService
    from rayspace.services.starters import Starters
    from rayspace.services.starting import Starter
    from rayspace.services.submission import Submission


@dataclass(frozen=True)
class Found:
    """Where a job shall run.

    Parameters
    ----------
    target
        The target.
    starter
        What starts it; None where a cluster has to come up before.
    """

    target: str
    starter: Starter | None = None


class Orders:
    """Turns what was asked into a checked request, and what can start it.

    Parameters
    ----------
    clusters
        The clusters.
    submission
        Reads notebooks.
    starters
        Makes what starts jobs.
    defaults
        What a submission takes when nobody says otherwise.
    """

    def __init__(
        self,
        clusters: ClusterService,
        submission: Submission,
        starters: Starters,
        defaults: JobDefaults,
    ) -> None:
        self._clusters = clusters
        self._submission = submission
        self._starters = starters
        self._defaults = defaults

    async def check(
        self, notebook: str | Path, params: Mapping[str, object] | None, options: SubmitOptions
    ) -> Draft:
        """Check all that needs no cluster; parameters as for `JobService.submit`."""
        deadline_s, cell_timeout_s = options.get("deadline_s"), options.get("cell_timeout_s")
        for label, value in (("deadline", deadline_s), ("cell timeout", cell_timeout_s)):
            if value is not None and not value > 0:
                raise UsageError(f"The {label} can't be {value:g} s.", hint="Give more than 0 s.")
        parallel = options.get("parallel", 0)
        if not 0 <= parallel <= MAX_TRIALS:
            raise UsageError(
                f"{parallel} trials can't run at a time.", hint=f"Give 1 to {MAX_TRIALS}."
            )
        if options.get("apart"):
            _check_apart(options)
        params_file = options.get("params_file")
        given: dict[str, object] = {}
        if params_file is not None:
            given.update(await in_thread(_read_params, Path(params_file).expanduser()))
        given.update(params or {})
        request = SubmitRequest(
            notebook_path=Path(notebook).expanduser(),
            parameters=given,
            include=tuple(options.get("include", ())),
            env=dict(options.get("env", {})),
            deadline_s=deadline_s,
            cell_timeout_s=cell_timeout_s,
            sample_interval_s=self._defaults.sample_interval_s,
            sampled_gpus=self._defaults.sampled_gpus,
            asked_gpus=asked_gpus(options.get("sampled_gpus")),
            experiment=self._defaults.experiment,
            parent_run_id=self._defaults.parent_run_id,
            depth=self._defaults.depth,
            retries=options.get("retries", 0),
            sweep=dict(options.get("sweep", {})),
            parallel=options.get("parallel", 0),
            again=options.get("again", False),
            packages=PackagesMode(options.get("packages", "auto")),
            wishes=wishes_on_record(job_wishes(options)),
            is_apart=options.get("apart", False),
        )
        return await in_thread(self._submission.draft, request)

    async def find(self, wishes: JobWishes) -> Found:
        """Find where a job shall run, without starting anything but the job.

        Parameters
        ----------
        wishes
            What was asked.

        Returns
        -------
        Found
            Where, and what starts it.

        Raises
        ------
        PhaseError
            If the cluster that is meant can't run anything, and waiting won't help.
        RefusedError
            If it is only played.
        """
        own = await self.own(wishes)
        if own is not None and own.target == SIMULATED:
            raise _simulated(own.target)
        if own is not None and own.target != LOCAL:
            return Found(own.target, self._starters.own(own, wishes))
        if wishes.asks_for_own:
            raise UsageError(
                "Workers, image, queue and --set are for a cluster that the job gets for itself,"
                " and nothing says where.",
                hint="Name a target on Kubernetes: --on TARGET",
            )
        if wishes.profile is not None:
            return Found(LOCAL)
        state = await self._clusters.status(wishes.cluster, target=wishes.target)
        if state.target == SIMULATED:
            raise _simulated(state.name)
        if state.phase is ClusterPhase.READY:
            return Found(state.target, self._starters.running(state, wishes))
        if state.phase is not ClusterPhase.STARTING:
            is_resting = state.phase is ClusterPhase.SUSPENDED
            raise PhaseError(
                f"The cluster {state.name!r} is {state.phase.value}: {state.reason}",
                hint=f"Bring it back with: rayspace cluster resume {state.name}"
                if is_resting
                else f"Start it anew with: rayspace cluster up {state.profile}".rstrip(),
                details={"name": state.name, "phase": state.phase.value},
            )
        return Found(state.target)

    async def ready(self, wishes: JobWishes, report: Report) -> Starter:
        """Start the cluster that `find` did not find ready, and wait until it can be used."""
        if wishes.profile is not None:
            state = await self._clusters.up(wishes.profile, target=wishes.target, report=report)
        else:
            state = await self._clusters.wait_ready(
                wishes.cluster, target=wishes.target, report=report
            )
        return self._starters.running(state, wishes)

    async def preview(self, draft: Draft, wishes: JobWishes) -> SubmitPlan:
        """Say what would be done with a checked order; changes nothing."""
        found = await self.find(wishes)
        if found.starter is not None:
            starter = found.starter
            plan = await in_thread(self._submission.plan, draft, starter.destination)
            return replace(plan, manifest=await starter.preview(plan.order))
        if wishes.profile is None:
            state = await self._clusters.status(wishes.cluster, target=wishes.target)
            destination = self._starters.running(state, wishes).destination
        else:
            planned = await self._clusters.plan(wishes.profile, Wishes(), target=wishes.target)
            # It may not be up, and then it has no Python yet: this one starts it.
            destination = Destination(LOCAL, planned.spec.name, profile=planned.spec.profile)
        return await in_thread(self._submission.plan, draft, destination)

    async def own(self, wishes: JobWishes) -> UpPlan | None:
        """Plan the cluster of a profile, or of a target; None where a running one is meant."""
        is_there = wishes.target is not None and wishes.target != LOCAL
        if wishes.cluster is not None or (wishes.profile is None and not is_there):
            return None
        # With a name, so that nobody is asked which are taken; the job's own counts in the end.
        own = replace(wishes.own, name="job")
        profile = wishes.profile or DEFAULT_PROFILE
        return await self._clusters.plan(profile, own, target=wishes.target)


def _simulated(name: str) -> RefusedError:
    return RefusedError(
        f"{name} is simulated: clusters are played there, and no job can run.",
        hint="Ship it to this machine: rayspace job submit NOTEBOOK.ipynb --profile laptop --on"
        " local",
        details={"name": name},
    )


def _check_apart(options: SubmitOptions) -> None:
    if not options.get("sweep"):
        raise UsageError("There are no trials to run apart.", hint="Add: --sweep NAME V1,V2")
    if options.get("parallel"):
        raise UsageError(
            "How many trials run at a time is not ours to say where each has its own cluster.",
            hint="Leave out --parallel; a queue (--queue NAME) admits as many as it has room for.",
        )
    if options.get("cluster"):
        raise UsageError(
            "Trials that run apart have clusters of their own.",
            hint="Leave out --cluster, or --apart to run all of them on that one.",
        )


def order_of(runs: RunGateway, run: RunRecord) -> JobOrder:
    """Return the order of a job that is on record. Blocks.

    Parameters
    ----------
    runs, run
        Its run.
    """
    with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
        path = runs.download(run.run_id, Artifact.ORDER, Path(directory))
        content = json.loads(path.read_text("utf-8"))
    # A newer submitter may have said more.
    known = {field.name for field in fields(JobOrder)}
    return JobOrder(**{key: value for key, value in content.items() if key in known})


def _read_params(path: Path) -> dict[str, object]:
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"The parameters file {path} can't be read: {exc}.", hint="Give a YAML or JSON file."
        ) from exc
    return parse_parameters_file(text, str(path))
