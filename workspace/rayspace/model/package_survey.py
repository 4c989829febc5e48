"""What was found out about the packages of a notebook, before it is shipped."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayspace.model.bundle import BundlePlan
    from rayspace.model.packages import PackagePlan


@dataclass(frozen=True)
class PackageSurvey:
    """What a job needs of packages, as far as the submitting machine knows it.

    Parameters
    ----------
    plan
        What is to be done; the runner reads it.
    bundle
        The files that travel: those of the project, and of editable installs from elsewhere.
    lines
        What people should read before anything is sent; one sentence each.
    warnings
        What is likely to go wrong; one sentence each.
    """

    plan: PackagePlan
    bundle: BundlePlan
    lines: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
