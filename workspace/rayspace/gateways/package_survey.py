"""Look at a notebook, its bundle and this machine, and plan what a job needs of packages.

Reads files of the project and asks the notebook's Python; installs nothing and changes nothing.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.core.imports import imported_modules
from rayspace.core.package_plan import plan_packages
from rayspace.core.pins import is_pins_file, read_pins
from rayspace.gateways.distributions import installed_packages
from rayspace.model.packages import PackagePlan, PackagesMode

if TYPE_CHECKING:
    from rayspace.model.bundle import BundlePlan
    from rayspace.model.notebook import Notebook
    from rayspace.model.packages import InstalledPackages, Pins

#: Larger files of Python are data. [bytes]
_SOURCE_LIMIT_BYTES = 4 * 2**20
#: Lock files of large projects have a few MiB. [bytes]
_PINS_LIMIT_BYTES = 32 * 2**20


class PackageSurvey:
    """Plans the packages of jobs."""

    def plan(
        self,
        mode: PackagesMode,
        notebook: Notebook,
        bundle: BundlePlan,
        python: str,
        *,
        runner_python: str = "",
    ) -> PackagePlan:
        """Plan the packages of a job.

        Parameters
        ----------
        mode
            What was asked for.
        notebook, bundle
            The notebook, and what travels with it.
        python
            The Python of the notebook's kernel on this machine.
        runner_python
            The Python that runs the job, where it is on this machine too; the kernel's, when it is
            another, then stays as it is.

        Returns
        -------
        PackagePlan
            The plan.

        Raises
        ------
        VersionMismatchError
            If the kernel's Python does not say what it has.
        """
        root = Path(bundle.root)
        files = [file.path for file in bundle.files]

        def read(path: str) -> str:
            return _text(root / path, _SOURCE_LIMIT_BYTES)

        imports = imported_modules(notebook, bundle.notebook, files, read)
        names = {name for item in imports for name in (item.module, *item.names)}
        installed = installed_packages(python, names)
        pins = self._pins(root, bundle, installed) if mode is PackagesMode.SYNC else None
        real_root = Path(os.path.realpath(root)).as_posix()
        plan = plan_packages(mode, imports, installed, pins, root=real_root)
        inside = [item.path for item in plan.editables if not item.is_added]
        if inside:
            # What lies in the project is followed as the notebook's own modules are.
            imports = imported_modules(notebook, bundle.notebook, files, read, inside)
            more = {name for item in imports for name in (item.module, *item.names)}
            if not more <= names:
                installed = installed_packages(python, more)
            again = plan_packages(mode, imports, installed, pins, root=real_root)
            editables = dict.fromkeys([*plan.editables, *again.editables])
            plan = dataclasses.replace(again, editables=tuple(editables))
        is_other = runner_python and os.path.realpath(runner_python) != os.path.realpath(python)
        return dataclasses.replace(plan, kernel_python=python) if is_other else plan

    def _pins(self, root: Path, bundle: BundlePlan, installed: InstalledPackages) -> Pins | None:
        versions = {name: item.version for name, item in installed.distributions.items()}
        folder = (root / bundle.notebook).parent
        while True:
            # The nearest folder with such a file counts, as tools look for them.
            found = _pins_files(folder, root)
            pins = read_pins(found, versions)
            if pins is not None or folder in {root, folder.parent}:
                return pins
            folder = folder.parent


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
