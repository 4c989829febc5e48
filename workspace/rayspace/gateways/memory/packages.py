"""The in-memory twin of what this machine knows about packages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.packages.words import package_lines
from rayspace.model.package_survey import PackageSurvey
from rayspace.model.packages import PackagePlan

if TYPE_CHECKING:
    from rayspace.model.bundle import BundlePlan
    from rayspace.model.notebook import Notebook
    from rayspace.model.packages import PackagesMode, Requirement


class MemoryPackages:
    """Answers what it was told; see `PackageGateway`.

    Parameters
    ----------
    requirements
        What every notebook needs.
    """

    def __init__(self, requirements: tuple[Requirement, ...] = ()) -> None:
        self.requirements = requirements
        #: What was asked for, and the Python that was named.
        self.calls: list[tuple[PackagesMode, str]] = []

    def survey(
        self,
        mode: PackagesMode,
        notebook: Notebook,
        bundle: BundlePlan,
        runner_python: str = "",
    ) -> PackageSurvey:
        """Plan the packages of a job."""
        self.calls.append((mode, runner_python))
        needed = self.requirements if notebook.language == "python" else ()
        plan = PackagePlan(mode, needed)
        return PackageSurvey(plan, bundle, package_lines(plan))
