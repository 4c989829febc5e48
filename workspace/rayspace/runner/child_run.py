"""A run for one task or trial: a child of the job's run, or of the run of a tracked notebook.

Runs in notebooks, in Ray's tasks and actors, and on a laptop without any of it. Standard library
and MLflow only.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.model.run import Tag
from rayspace.runner.tracked_parent import connected_ray, find
from rayspace.runner.worker_setup import load_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_URI = "MLFLOW_TRACKING_URI"
#: As long as an error's text is kept; MLflow takes tags of 5,000 characters and more. [1]
_LONGEST = 500


@dataclass(frozen=True)
class ChildRun:
    """A child run that has begun.

    Parameters
    ----------
    run_id, name
        Its id and its name.
    experiment_id
        The experiment that holds it.
    parent_run_id
        The run that it is a child of; empty where there is none.
    gpu_ids
        GPUs that Ray gave to the task, as Ray names them.
    """

    run_id: str
    name: str
    experiment_id: str
    parent_run_id: str = ""
    gpu_ids: tuple[str, ...] = ()


@contextlib.contextmanager
def child_run(
    name: str = "",
    *,
    params: Mapping[str, Any] | None = None,
    tags: Mapping[str, str] | None = None,
) -> Iterator[ChildRun]:
    """Open a child run; what MLflow logs inside goes there.

    ::

        @ray.remote(num_gpus=1)
        def trial(lr):
            with rayspace.child_run(f"lr={lr}", params={"lr": lr}):
                for epoch in range(10):
                    mlflow.log_metric("loss", step(lr), step=epoch)

        ray.get([trial.remote(lr) for lr in (0.1, 0.01)])

    Its parent is the child run that is open in this thread, else the run of the job, else the run
    that the notebook is tracked in (``%ray_cluster track``), also in the notebook's tasks and
    actors. Where there is none of these it is a run of its own, so that the same code runs
    everywhere. It ends as FINISHED, or as FAILED with the error's name and text as tags
    ``rayspace.ename`` and ``rayspace.evalue``; the error goes on. In a task or an actor it has the
    tags ``rayspace.gpu_ids`` (as Ray numbers them, with commas between), ``rayspace.node_id``,
    ``rayspace.task_id`` and ``rayspace.actor_id``.

    A job brings this package along. Tasks of a notebook need it, and MLflow, in the image of their
    cluster; else ``ray.init(runtime_env={"py_modules": [rayspace.__path__[0]]})`` sends it along.

    Parameters
    ----------
    name
        Name of the run; by default one that MLflow makes up.
    params
        Parameters to log.
    tags
        More tags.

    Yields
    ------
    ChildRun
        Its ids; neither address nor credentials of the tracking server.
    """
    where = _where()
    told = _parent_told()
    import mlflow

    opened = {**where, **(tags or {})}
    if told.get("run_id") and mlflow.active_run() is None:
        opened[Tag.PARENT_RUN_ID] = told["run_id"]
    started = mlflow.start_run(
        run_name=name or None,
        nested=True,
        tags=opened,
        experiment_id=told.get("experiment_id") or None,
    )
    with started as run:
        if params:
            mlflow.log_params(dict(params))
        info = run.info
        try:
            yield ChildRun(
                info.run_id,
                str(info.run_name or name),
                info.experiment_id,
                run.data.tags.get(Tag.PARENT_RUN_ID, ""),
                tuple(filter(None, where.get(Tag.GPU_IDS, "").split(","))),
            )
        except BaseException as exc:
            # A server that is away must not hide what went wrong.
            with contextlib.suppress(mlflow.exceptions.MlflowException):
                mlflow.set_tags({Tag.ENAME: type(exc).__name__, Tag.EVALUE: str(exc)[:_LONGEST]})
            raise


def _parent_told() -> dict[str, str]:
    """Return the run that a tracked notebook told its tasks of; jobs tell by their environment."""
    if os.environ.get("RAYSPACE_RUN_ID"):
        return {}
    told = find()
    uri = told.get("tracking_uri", "")
    if uri and os.environ.get(_URI) in {None, "", uri}:
        os.environ[_URI] = uri
        load_credentials(told.get("credentials", ""))
    return told


def _where() -> dict[str, str]:
    """Return tags that say where this runs: in which task, on which node, on which GPUs."""
    ray = connected_ray()
    if ray is None or ray._private.worker.global_worker.mode != ray.WORKER_MODE:  # noqa: SLF001
        return {}
    context = ray.get_runtime_context()
    known = {
        Tag.GPU_IDS: ",".join(context.get_accelerator_ids().get("GPU", [])),
        Tag.NODE_ID: context.get_node_id(),
        Tag.TASK_ID: context.get_task_id(),
        Tag.ACTOR_ID: context.get_actor_id(),
    }
    return {tag: value for tag, value in known.items() if value}
