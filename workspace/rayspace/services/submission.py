"""Ship a notebook: check everything, put it on record, start it.

All checks come before the first change, so that a wrong order leaves nothing behind. The run is
created before the job is started: from then on the record says what was tried, also if it failed.
"""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.bundles.bundle import path_warnings
from rayspace.core.jobs.submitted_parameters import (
    converted_parameters,
    default_values,
    known_parameters,
)
from rayspace.core.jobs.sweep import sweep_key
from rayspace.core.notebooks.notebook import literal_experiment, mentioned_paths, read_notebook
from rayspace.errors import NotebookFormatError
from rayspace.loop import in_thread
from rayspace.model.job import JobOrder
from rayspace.model.progress import Report, Stage, silent
from rayspace.model.run import Artifact, Tag
from rayspace.model.submission import Draft, SubmitPlan, SubmitRequest
from rayspace.model.target import LOCAL
from rayspace.model.wire import to_wire
from rayspace.names import safe_name
from rayspace.services.recording import recorded_failure, upload_order
from rayspace.services.resuming import only_failed, without_done
from rayspace.services.sweep_apart import require_own, start_apart, sweep_tags
from rayspace.units import format_bytes
from rayspace.version import __version__

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rayspace.gateways.contracts import (
        Clock,
        KernelGateway,
        PackageGateway,
        WorkfileGateway,
    )
    from rayspace.model.bundle import GitState
    from rayspace.model.notebook import Notebook
    from rayspace.model.place import Place
    from rayspace.model.run import RunRecord
    from rayspace.model.submission import Destination
    from rayspace.services.ledgers import Ledger
    from rayspace.services.starting import Starter


class Submission:
    """Ships notebooks to clusters.

    Parameters
    ----------
    workfiles, kernels, packages
        Files, kernels and packages of this machine.
    clock
        Tells the time.
    new_suffix
        Makes the random end of a job's name.
    place
        This machine and this person.
    """

    def __init__(
        self,
        workfiles: WorkfileGateway,
        kernels: KernelGateway,
        packages: PackageGateway,
        clock: Clock,
        new_suffix: Callable[[], str],
        place: Place,
    ) -> None:
        self._workfiles = workfiles
        self._kernels = kernels
        self._packages = packages
        self._clock = clock
        self._new_suffix = new_suffix
        self._place = place

    def draft(self, request: SubmitRequest) -> Draft:
        """Check notebook, parameters and files; changes nothing, and needs no cluster."""
        path = request.notebook_path.absolute()
        if path.suffix != ".ipynb":
            raise NotebookFormatError(
                f"{path.name} is no notebook: only files that end in .ipynb are shipped.",
                hint=f"Ship a notebook with a cell that says %run {path.name}: the files beside it"
                " travel along."
                if path.suffix == ".py"
                else "Name a notebook: rayspace job submit NOTEBOOK.ipynb",
                details={"path": str(path)},
            )
        notebook = read_notebook(self._workfiles.read(path), name=path.name)
        known = known_parameters(notebook)
        given, trials = converted_parameters(known, request)
        bundle = self._workfiles.plan(path, self._workfiles.root_of(path), request.include)
        parameters = {**default_values(known), **given}
        effective = {name: v for name, v in parameters.items() if name not in request.sweep}
        return Draft(request, notebook, given, effective, bundle, trials)

    def plan(self, draft: Draft, destination: Destination) -> SubmitPlan:
        """Check an order against where it shall run; changes nothing.

        Parameters
        ----------
        draft
            The order as far as it is checked.
        destination
            Where it would run.

        Returns
        -------
        SubmitPlan
            What would be done.
        """
        request, notebook, bundle = draft.request, draft.notebook, draft.bundle
        if request.is_apart:
            require_own(destination)
        path = request.notebook_path.absolute()
        kernel_name, language = self._kernel(notebook, destination)
        warnings = path_warnings(
            bundle,
            mentioned_paths(notebook),
            self._workfiles.exists,
            same_machine=destination.target == LOCAL,
        )
        survey = self._packages.survey(request.packages, notebook, bundle, destination.python)
        warnings += survey.warnings
        name = f"{safe_name(path.stem)[:34].rstrip('-')}-{self._new_suffix()}"
        order = JobOrder(
            name=name,
            notebook=bundle.notebook,
            bundle=Artifact.BUNDLE,
            parameters=draft.given,
            kernel_name=kernel_name,
            language=language,
            cell_timeout_s=request.cell_timeout_s,
            deadline_s=request.deadline_s,
            env=dict(request.env),
            sample_interval_s=request.sample_interval_s,
            sampled_gpus=(
                request.asked_gpus or destination.sampled_gpus or request.sampled_gpus
            ).value,
            price_per_hour=destination.price_per_hour,
            depth=request.depth,
            retries=request.retries,
            packages=to_wire(survey.plan),
            trials=draft.trials,
            parallel=request.parallel,
            wishes=dict(request.wishes),
            is_apart=request.is_apart,
        )
        return SubmitPlan(
            notebook=str(request.notebook_path),
            target=destination.target,
            cluster=destination.cluster,
            experiment=literal_experiment(notebook) or request.experiment,
            parameters=draft.parameters,
            bundle=survey.bundle,
            warnings=tuple(warnings),
            order=order,
            # This machine rarely lacks anything, and if it does the log tells of it.
            packages=() if destination.python else survey.lines,
        )

    def _kernel(self, notebook: Notebook, destination: Destination) -> tuple[str, str]:
        """Return name and language of the kernel that runs a notebook."""
        if destination.python:
            kernel = self._kernels.find(destination.python, notebook.kernel_name)
            self._kernels.check(destination.python, kernel, destination.ray_version)
            return kernel.name, kernel.language
        # Nobody can look into the image from here. That of Python is named so in each, whatever
        # this machine calls it.
        is_python = notebook.language == "python"
        return "python3" if is_python else notebook.kernel_name, notebook.language

    async def submit(
        self,
        plan: SubmitPlan,
        request: SubmitRequest,
        starter: Starter,
        ledger: Ledger,
        report: Report,
    ) -> RunRecord:
        """Put a checked order on record and start it.

        Parameters
        ----------
        plan
            The checked order.
        request
            What was asked.
        starter
            Starts it.
        ledger
            The tracking server.
        report
            Called with each stage.

        Returns
        -------
        RunRecord
            The job's run.
        """
        report(Stage("bundle", plan.bundle.summary(), "done"))
        for line in plan.packages:
            report(Stage("packages", line, "done"))
        for warning in plan.warnings:
            report(Stage("warning", warning, "note"))
        runs = ledger.runs
        path = request.notebook_path.absolute()
        git = await in_thread(self._workfiles.git_state, Path(plan.bundle.root))
        with tempfile.TemporaryDirectory(prefix="rayspace-") as directory:
            destination = Path(directory) / Path(Artifact.BUNDLE).name
            size = format_bytes(plan.bundle.total_bytes)
            report(Stage("pack", f"Packing {size}", is_passing=True))
            packed = await in_thread(self._workfiles.pack, plan.bundle, destination)
            order = plan.order
            tags = self._tags(order, starter, path, git)
            if request.parent_run_id:
                tags[Tag.PARENT_RUN_ID] = request.parent_run_id
            if order.trials:
                work = packed.work_sha256
                key = sweep_key(work, order.notebook, order.parameters, request.sweep)
                tags[Tag.SWEEP] = key
                if not request.again:
                    order = await in_thread(without_done, runs, order, key, report)
                if order.is_apart:
                    tags = sweep_tags(tags, order)
            run = await in_thread(
                lambda: runs.create(
                    experiment=plan.experiment,
                    name=order.name,
                    tags=tags,
                    params={key: str(value) for key, value in plan.parameters.items()},
                )
            )
            async with recorded_failure(runs, run):
                report(Stage("upload", "Uploading the bundle to the run"))
                await in_thread(upload_order, runs, run, order, packed.path, path)
                sent = f"Uploaded {format_bytes(packed.size_bytes)} to the run"
                report(Stage("upload", sent, "done"))
                await self._start(order, run, starter, ledger, report, path)
        return run

    async def _start(
        self,
        order: JobOrder,
        run: RunRecord,
        starter: Starter,
        ledger: Ledger,
        report: Report,
        notebook: Path,
    ) -> None:
        """Hand over a job whose run holds all it needs."""
        if order.is_apart:
            await self._start_trials(order, run, starter, ledger, report, notebook)
            tags: Mapping[str, str] = {}
        else:
            tags = await starter.start(order, run, ledger, report)
        accepted = {**tags, Tag.ACCEPTED_MS: str(self._clock.now_ms())}
        await in_thread(lambda: ledger.runs.update(run.run_id, tags=accepted))
        destination = starter.destination
        where = destination.cluster or f"{destination.namespace} of {destination.target}"
        report(Stage("job", f"{order.name} was accepted by {where}", "done"))

    async def _start_trials(
        self,
        sweep: JobOrder,
        run: RunRecord,
        starter: Starter,
        ledger: Ledger,
        report: Report,
        notebook: Path,
    ) -> None:
        runs = ledger.runs

        def put_on_record(order: JobOrder, name: str, tags: Mapping[str, str]) -> RunRecord:
            params = {**run.params, **{key: str(v) for key, v in order.parameters.items()}}
            tags = {**self._tags(order, starter, notebook, None), **tags}
            made = runs.create(experiment=run.experiment, name=name, tags=tags, params=params)
            upload_order(runs, made, order, None, notebook)
            return made

        async def start(order: JobOrder, made: RunRecord) -> None:
            async with recorded_failure(runs, made):
                await self._start(order, made, starter, ledger, silent, notebook)

        await start_apart(sweep, run, runs, put_on_record, start, report)

    async def retry(
        self,
        old: RunRecord,
        order: JobOrder,
        earlier: Ledger,
        starter: Starter,
        ledger: Ledger,
        report: Report,
    ) -> RunRecord:
        """Run a job once more from what its run holds; the files here may have changed since.

        Parameters
        ----------
        old, order, earlier
            The run of the job, its order, and the tracking server that keeps it.
        starter
            Starts it now.
        ledger
            The tracking server of the new job.
        report
            Called with each stage.

        Returns
        -------
        RunRecord
            The new job's run.
        """
        with tempfile.TemporaryDirectory(prefix="rayspace-") as name:
            directory = Path(name)
            bundle_run_id = order.bundle_run_id or old.run_id
            stem = order.name.rpartition("-")[0] or order.name
            new_name = f"{stem}-{self._new_suffix()}"
            order = dataclasses.replace(order, name=new_name, bundle_run_id="")
            if order.trials:
                order = await in_thread(only_failed, earlier.runs, old, order)
            packed = await in_thread(earlier.runs.download, bundle_run_id, order.bundle, directory)
            source = await in_thread(
                earlier.runs.download,
                old.run_id,
                f"{Artifact.SOURCE_DIR}/{Path(order.notebook).name}",
                directory,
            )
            kept = (
                Tag.NOTEBOOK,
                Tag.SOURCE_DIR,
                Tag.GIT_COMMIT,
                Tag.GIT_DIRTY,
                Tag.PARENT_RUN_ID,
                Tag.SOURCE_NAME,
                Tag.MLFLOW_GIT_COMMIT,
                Tag.SWEEP,
                Tag.TRIAL,
            )
            tags = {
                **self._tags(order, starter, source, None),
                **{key: old.tags[key] for key in kept if key in old.tags},
                Tag.RETRY_OF: old.tags[Tag.JOB],
            }
            if order.is_apart:
                tags = sweep_tags(tags, order)
            run = await in_thread(
                lambda: ledger.runs.create(
                    experiment=old.experiment,
                    name=order.name,
                    tags=tags,
                    params={k: v for k, v in old.params.items() if not k.startswith("notebook.")},
                )
            )
            async with recorded_failure(ledger.runs, run):
                await in_thread(upload_order, ledger.runs, run, order, packed, source)
                await self._start(order, run, starter, ledger, report, source)
        return run

    def _tags(
        self, order: JobOrder, starter: Starter, path: Path, git: GitState | None
    ) -> dict[str, str]:
        tags = {
            **starter.tags(order),
            Tag.JOB: order.name,
            Tag.NOTEBOOK: path.name,
            Tag.SOURCE_DIR: str(path.parent),
            Tag.HOST: self._place.host,
            Tag.RECORDS: self._place.records,
            Tag.SUBMITTED_MS: str(self._clock.now_ms()),
            Tag.DEPTH: str(order.depth),
            Tag.RAYSPACE_VERSION: __version__,
            Tag.SOURCE_NAME: str(path),
            Tag.SOURCE_TYPE: "NOTEBOOK",
            Tag.USER: self._place.user,
        }
        if git is not None and git.commit:
            tags[Tag.GIT_COMMIT] = tags[Tag.MLFLOW_GIT_COMMIT] = git.commit
            tags[Tag.GIT_DIRTY] = "true" if git.is_dirty else "false"
        return tags
