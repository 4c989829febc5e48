"""Say what is to be done about the packages of a job: values in, sentences out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.model.packages import RUNNER_REQUIREMENTS, PackagesMode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rayspace.model.packages import PackagePlan

#: What a sentence bears. [1]
_N_TOLD = 12
_WHAT = {
    PackagesMode.AUTO: "installed for the job where the image lacks them",
    PackagesMode.IMAGE: "must be in the image, since nothing is installed",
    PackagesMode.SYNC: "installed for the job where the image lacks them or has other versions",
}


def package_lines(plan: PackagePlan) -> tuple[str, ...]:
    """Say what a plan would do, before anything is sent.

    Parameters
    ----------
    plan
        The plan.

    Returns
    -------
    tuple of str
        One sentence each.
    """
    return tuple(_lines(plan))


def _lines(plan: PackagePlan) -> Iterator[str]:
    what = _WHAT[plan.mode]
    if plan.kernel_python:
        yield f"The notebook runs with {plan.kernel_python}, whose packages stay as they are."
    elif plan.requirements:
        yield f"The notebook's packages, {what}: {_listed(_asked(plan))}."
    else:
        yield "The notebook imports no packages beyond those that every job has."
    if plan.requirements and plan.mode is PackagesMode.SYNC:
        n_held = len(plan.constraints)
        held = f", {n_held} more are held as they need them" if n_held else ""
        yield f"Their versions are those of {plan.pins_from or 'the Python here'}{held}."
    own = _listed(item.text for item in RUNNER_REQUIREMENTS if not item.is_optional)
    yield f"The runner's own packages, {_WHAT[_own_mode(plan.mode)]}: {own}."
    for item in plan.editables:
        how = "added to the bundle" if item.is_added else "part of the project"
        yield (
            f"{item.name} is an editable install: its module {item.module} travels from"
            f" {item.location}, {how}."
        )


def _own_mode(mode: PackagesMode) -> PackagesMode:
    """Of the runner's own packages a fitting version is enough, whatever the notebook wants."""
    return PackagesMode.AUTO if mode is PackagesMode.SYNC else mode


def _asked(plan: PackagePlan) -> Iterator[str]:
    for item in plan.requirements:
        yield f"{item.text} (optional)" if item.is_optional else item.text


def _listed(texts: Iterable[str]) -> str:
    found = list(texts)
    more = f" and {len(found) - _N_TOLD} more" if len(found) > _N_TOLD else ""
    return ", ".join(found[:_N_TOLD]) + more
