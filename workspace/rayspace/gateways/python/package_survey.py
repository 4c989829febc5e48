"""Look at a notebook, its bundle and this machine, and plan what a job needs of packages.

Reads files of the project and asks the notebook's Python; installs nothing and changes nothing.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.packages.imports import imported_modules
from rayspace.core.packages.pins import is_pins_file, read_pins
from rayspace.core.packages.plan import plan_packages
from rayspace.core.packages.words import package_lines
from rayspace.errors import KernelNotFoundError
from rayspace.gateways.project.editable_files import editable_files
from rayspace.gateways.python.distributions import installed_packages
from rayspace.gateways.python.kernels import find_kernel
from rayspace.gateways.python.pythons import is_interpreter, is_same_python
from rayspace.model.package_survey import PackageSurvey
from rayspace.model.packages import PackagePlan, PackagesMode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rayspace.model.bundle import BundlePlan
    from rayspace.model.notebook import Notebook
    from rayspace.model.packages import ImportedModule, InstalledPackages, Pins

#: Larger files of Python are data. [bytes]
_SOURCE_LIMIT_BYTES = 4 * 2**20
#: Lock files of large projects have a few MiB. [bytes]
_PINS_LIMIT_BYTES = 32 * 2**20


class ProjectPackages:
    """Plans the packages of jobs; see `PackageGateway`.

    Parameters
    ----------
    python
        The Python whose kernels notebooks have, where the job runs elsewhere.
    """

    def __init__(self, python: str = sys.executable) -> None:
        self._python = python

    def survey(
        self,
        mode: PackagesMode,
        notebook: Notebook,
        bundle: BundlePlan,
        runner_python: str = "",
    ) -> PackageSurvey:
        """Plan the packages of a job.

        Parameters
        ----------
        mode
            What was asked for.
        notebook, bundle
            The notebook, and what travels with it.
        runner_python
            The Python that runs the job, where it is on this machine; the kernel's, when it is
            another, then stays as it is.

        Returns
        -------
        PackageSurvey
            The plan, and the bundle with what it adds.

        Raises
        ------
        VersionMismatchError
            If the kernel's Python does not say what it has.
        BundleError
            If an editable install is too large to travel.
        """
        if notebook.language != "python":
            plan = PackagePlan(mode)
            return PackageSurvey(plan, bundle, package_lines(plan))
        python, remarks = self._kernel_python(notebook, runner_python)
        plan = _Look(notebook, bundle, python).plan(mode)
        if runner_python and not is_same_python(runner_python, python):
            plan = dataclasses.replace(plan, kernel_python=python)
        added = editable_files(plan.editables, (file.path for file in bundle.files))
        if added:
            files = sorted([*bundle.files, *added], key=lambda file: file.path)
            bundle = dataclasses.replace(bundle, files=tuple(files))
        return PackageSurvey(plan, bundle, package_lines(plan), (*remarks, *plan.warnings))

    def _kernel_python(self, notebook: Notebook, runner_python: str) -> tuple[str, tuple[str, ...]]:
        """Return the Python of a notebook's kernel on this machine, and what to say of it."""
        starter = runner_python or self._python
        try:
            kernel = find_kernel(starter, notebook.kernel_name)
        except KernelNotFoundError:
            # Where the job runs elsewhere, this machine need not have it.
            remark = (
                f"The kernel {notebook.kernel_name!r} is not on this machine: versions of packages"
                f" are those of {starter}."
            )
            return starter, (remark,)
        program = kernel.argv[0]
        return (program if is_interpreter(program) else starter), ()


class _Look:
    """One look at a notebook, what travels with it, and the Python of its kernel."""

    def __init__(self, notebook: Notebook, bundle: BundlePlan, python: str) -> None:
        self._notebook = notebook
        self._bundle = bundle
        self._python = python
        self._files = [file.path for file in bundle.files]
        self._root = Path(bundle.root)

    def plan(self, mode: PackagesMode) -> PackagePlan:
        imports = self._imports(())
        names = _names(imports)
        installed = installed_packages(self._python, names)
        pins = self._pins(installed) if mode is PackagesMode.SYNC else None
        root = Path(os.path.realpath(self._root)).as_posix()
        plan = plan_packages(mode, imports, installed, pins, root=root)
        inside = [item.path for item in plan.editables if not item.is_added]
        if not inside:
            return plan
        # What lies in the project is followed as the notebook's own modules are.
        imports = self._imports(inside)
        if not _names(imports) <= names:
            installed = installed_packages(self._python, _names(imports))
        again = plan_packages(mode, imports, installed, pins, root=root)
        editables = dict.fromkeys([*plan.editables, *again.editables])
        return dataclasses.replace(again, editables=tuple(editables))

    def _imports(self, source_dirs: Sequence[str]) -> tuple[ImportedModule, ...]:
        def read(path: str) -> str:
            return _text(self._root / path, _SOURCE_LIMIT_BYTES)

        return imported_modules(
            self._notebook, self._bundle.notebook, self._files, read, source_dirs
        )

    def _pins(self, installed: InstalledPackages) -> Pins | None:
        versions = {name: item.version for name, item in installed.distributions.items()}
        folder = (self._root / self._bundle.notebook).parent
        while True:
            # The nearest folder with such a file counts, as tools look for them.
            pins = read_pins(_pins_files(folder, self._root), versions)
            if pins is not None or folder in {self._root, folder.parent}:
                return pins
            folder = folder.parent


def _names(imports: Sequence[ImportedModule]) -> set[str]:
    return {name for item in imports for name in (item.module, *item.names)}


def _pins_files(folder: Path, root: Path) -> dict[str, str]:
    try:
        names = [path.name for path in folder.iterdir() if is_pins_file(path.name)]
    except OSError:
        return {}
    # requirements.txt before requirements-dev.txt.
    names.sort(key=lambda name: (len(name), name))
    return {
        (folder / name).relative_to(root).as_posix(): _text(folder / name, _PINS_LIMIT_BYTES)
        for name in names
    }


def _text(path: Path, limit_bytes: int) -> str:
    try:
        with path.open("rb") as stream:
            return stream.read(limit_bytes).decode("utf-8", "replace")
    except OSError:
        return ""
