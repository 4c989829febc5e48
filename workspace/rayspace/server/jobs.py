"""What is answered about jobs, and about the notebooks that become jobs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from rayspace.core.jobs.submitted_parameters import known_parameters
from rayspace.core.manifests.diff import manifest_yaml
from rayspace.core.notebooks.notebook import read_notebook
from rayspace.core.notebooks.parameter_types import parse_type
from rayspace.errors import UsageError
from rayspace.extras import missing_extras
from rayspace.gateways.project.workfiles import Workfiles
from rayspace.loop import in_thread
from rayspace.model.parameter import Text
from rayspace.server.ask import Accepted
from rayspace.server.clusters import cost_of
from rayspace.server.lines import submit_line
from rayspace.server.literals import json_default, json_value

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from rayspace.core.jobs.wishes import SubmitOptions
    from rayspace.model.bundle import BundlePlan
    from rayspace.model.job import JobState
    from rayspace.model.parameter import Parameter
    from rayspace.model.progress import Report, Stage
    from rayspace.server.ask import Ask

#: Of a bundle so many files are listed. [1]
_FILES, _SKIPPED = 200, 50
#: What a `JobWish` holds beside options of a submission.
_NOT_OPTIONS = {"path", "kernel", "parameters", "sweep"}


async def list_jobs(ask: Ask) -> Any:
    """Return jobs, the newest first."""
    unreached: list[str] = []

    def report(stage: Stage) -> None:
        unreached.append(stage.text)

    with missing_extras():
        jobs = await ask.app.jobs.list(
            limit=ask.query["limit"], target=ask.query.get("target"), report=report
        )
    return {"jobs": jobs, "unreached": unreached}


async def get_job(ask: Ask) -> Any:
    """Return one job."""
    with missing_extras():
        return await ask.app.jobs.status(ask.where["job"])


async def notebook_parameters(ask: Ask) -> Any:
    """Return the typed parameters of a notebook."""
    return {"parameters": await in_thread(_fields, _notebook(ask))}


async def plan_job(ask: Ask) -> Any:
    """Return what a submission would do."""
    path, parameters, options = _order(ask)
    app = ask.app
    with missing_extras():
        plan = await app.jobs.plan(path, parameters, **options)
    # Only a cluster of the job's own costs something that is not paid for already.
    spec = None
    if not plan.cluster and plan.manifest is not None:
        spec = await app.jobs.own_cluster(options)
    return {
        "notebook": ask.body["path"],
        "target": plan.target,
        "cluster": plan.cluster,
        "experiment": plan.experiment,
        "fields": await in_thread(_fields, path),
        "parameters": plan.parameters,
        "n_trials": len(plan.order.trials),
        "bundle": _preview(plan.bundle),
        "warnings": plan.warnings,
        "packages": plan.packages,
        "yaml": manifest_yaml(plan.manifest) if plan.manifest else "",
        "cost": cost_of(spec) if spec is not None else None,
        "magic": submit_line(ask.body),
    }


async def submit_job(ask: Ask) -> Accepted:
    """Ship a notebook; the operation ends when the job is accepted."""
    path, parameters, options = _order(ask)
    app, watch = ask.app, ask.workspace.jobs

    async def act(report: Report) -> Any:
        with missing_extras():
            state = await app.jobs.submit(path, parameters, report=report, **options)
        watch.poke()
        return state

    target = str(ask.body.get("target") or "")
    return Accepted(ask.workspace.operations.start("submit", target, path.name, act))


async def stop_job(ask: Ask) -> Accepted:
    """Stop a job."""
    app = ask.app
    return await _begun(ask, "stop", lambda name, report: app.jobs.stop(name, report=report))


async def retry_job(ask: Ask) -> Accepted:
    """Run an ended job once more."""
    app, body = ask.app, ask.body
    return await _begun(
        ask,
        "retry",
        lambda name, report: app.jobs.retry(
            name,
            cluster=body.get("cluster"),
            profile=body.get("profile"),
            target=body.get("target"),
            report=report,
        ),
    )


async def job_log(ask: Ask) -> Any:
    """Return a piece of a job's log."""
    query = ask.query
    with missing_extras():
        return await ask.workspace.logs.piece(
            ask.app, ask.where["job"], query["offset"], query["wait_s"]
        )


async def job_inputs(ask: Ask) -> Any:
    """Return what a job was made of, to begin another one with."""
    with missing_extras():
        inputs = await ask.app.jobs.inputs(ask.where["job"])
    own = {p.name: json_default(p.default_repr)[0] for p in inputs.known if _is_json(p)}
    values = {**own, **inputs.given}
    is_there = await in_thread(inputs.source.is_file)
    return {
        "source": ask.workspace.apps.contents_path(str(inputs.source)) if is_there else "",
        "parameters": {
            name: json_value(value) for name, value in values.items() if name not in inputs.swept
        },
    }


def _is_json(parameter: Parameter) -> bool:
    """Whether the default of a parameter is a value that JSON can hold."""
    value, has_default = json_default(parameter.default_repr)
    return has_default and (value is not None or parameter.default_repr == "None")


async def fetch_job(ask: Ask) -> Any:
    """Bring the results of a job beside its source."""
    app, apps = ask.app, ask.workspace.apps
    with missing_extras():
        state = await app.jobs.status(ask.where["job"])
        paths = await app.jobs.fetch(state.name)
    # The job says now where they are.
    ask.workspace.jobs.poke()
    named = apps.contents_path
    # Results lie beside their source: train.runs/JOB beside train.ipynb.
    source = Path(paths.directory).parents[1] / Path(state.notebook).name
    return {
        "job": paths.job,
        "run_id": paths.run_id,
        "directory": paths.directory,
        "notebook": paths.notebook,
        "html": paths.html,
        "log": paths.log,
        "trials": paths.trials,
        "failed_cell": state.failed_cell,
        "contents": {
            "directory": named(paths.directory),
            "notebook": named(paths.notebook),
            "html": named(paths.html),
            "log": named(paths.log),
            "source": named(str(source)) if source.is_file() else "",
            "trials": [named(trial) for trial in paths.trials],
        },
    }


async def _begun(
    ask: Ask, verb: str, act: Callable[[str, Report], Awaitable[JobState]]
) -> Accepted:
    """Begin something with a job that is there; else say at once that it is not."""
    with missing_extras():
        state = await ask.app.jobs.status(ask.where["job"])
    watch = ask.workspace.jobs

    async def run(report: Report) -> Any:
        after = await act(state.name, report)
        watch.poke()
        return after

    return Accepted(ask.workspace.operations.start(verb, state.target, state.name, run))


def _notebook(ask: Ask) -> Path:
    path = ask.path
    if not path:
        raise UsageError("No notebook was named.", hint="Give its path below the root.")
    return ask.workspace.apps.file(path)


def _order(ask: Ask) -> tuple[Path, dict[str, Any], SubmitOptions]:
    """Return the notebook, its parameters and the options of a submission."""
    body = ask.body
    given = {key: value for key, value in body.items() if key not in _NOT_OPTIONS}
    options = {key: value for key, value in given.items() if value is not None}
    if sweep := body.get("sweep"):
        options["sweep"] = {name: [_typed(v) for v in values] for name, values in sweep.items()}
    parameters = {name: _typed(value) for name, value in (body.get("parameters") or {}).items()}
    return _notebook(ask), parameters, cast("SubmitOptions", options)


def _typed(value: Any) -> Any:
    """Take a text as what was typed: it becomes what its parameter is."""
    return Text(value) if isinstance(value, str) else value


def _fields(path: Path) -> list[dict[str, Any]]:
    notebook = read_notebook(Workfiles().read(path), name=path.name)
    return [_field(parameter) for parameter in known_parameters(notebook) or ()]


def _field(parameter: Parameter) -> dict[str, Any]:
    kinds = parse_type(parameter.type).alternatives
    proper = [kind for kind in kinds if kind.kind != "none"]
    only = proper[0] if len(proper) == 1 else None
    kind = "any" if only is None else only.kind
    default, has_default = json_default(parameter.default_repr)
    return {
        "name": parameter.name,
        "type": parameter.type,
        "kind": "choice" if kind == "literal" else kind,
        "is_optional": len(proper) < len(kinds),
        "default": default,
        "default_repr": parameter.default_repr,
        "has_default": has_default,
        "choices": list(only.choices) if only is not None else [],
        "help": parameter.help,
    }


def _preview(bundle: BundlePlan) -> dict[str, Any]:
    files = sorted(bundle.files, key=lambda file: (-file.size_bytes, file.path))
    return {
        "summary": bundle.summary(),
        "root": bundle.root,
        "n_files": bundle.n_files,
        "total_bytes": bundle.total_bytes,
        "files": files[:_FILES],
        "skipped": bundle.largest_skipped(_SKIPPED),
    }
