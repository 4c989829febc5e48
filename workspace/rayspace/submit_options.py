"""Turn a parsed ``submit`` line into what a submission may be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.jobs.sweep import sweep_values
from rayspace.model.parameter import Text

if TYPE_CHECKING:
    import argparse

    from rayspace.core.jobs.wishes import SubmitOptions


def line_parameters(args: argparse.Namespace) -> dict[str, object]:
    """Return the parameters that a line gives, as text whose type the notebook decides."""
    return {name: Text(value) for name, value in args.param}


def submit_options(args: argparse.Namespace, target: str | None) -> SubmitOptions:
    """Return what a line asks for beside notebook and parameters.

    Parameters
    ----------
    args
        The parsed line.
    target
        Where it shall be; None where the line does not say.
    """
    workers, max_workers = args.workers or (None, None)
    return {
        "params_file": args.params_file,
        "cluster": args.cluster,
        "profile": args.profile,
        "target": target,
        "workers": workers,
        "max_workers": max_workers,
        "cpus": args.cpus,
        "memory": args.memory,
        "gpus": args.gpus,
        "gpu_type": args.gpu_type,
        "image": args.image,
        "queue": args.queue,
        "settings": dict(args.settings),
        "force": args.force,
        "driver_cpus": args.driver_cpus,
        "driver_gpus": args.driver_gpus,
        "retries": args.retries,
        "sweep": _sweep(args.sweep),
        "parallel": args.parallel,
        "apart": args.apart,
        "again": args.again,
        "packages": args.packages,
        "keep_failed_s": args.keep_failed,
        "start_deadline_s": args.start_deadline,
        "include": args.include,
        "env": dict(args.env),
        "deadline_s": args.deadline,
        "cell_timeout_s": args.cell_timeout,
        "sampled_gpus": args.sampled_gpus,
    }


def _sweep(pairs: list[list[str]]) -> dict[str, list[object]]:
    """Read what is swept over; a parameter that is named twice has all of the values."""
    found: dict[str, list[object]] = {}
    for name, text in pairs:
        found.setdefault(name, []).extend(sweep_values(text))
    return found
