"""Install what a job needs and its image lacks, before anything of the job runs.

The supervisor does this, which needs nothing but Python: even the verdict of a job is written with
packages that an image may lack. What is there stays as it is, and Ray and what it requires are
never changed. Python 3.10 and later, standard library only.

==================  =============================================================================
RAYSPACE_PACKAGES   the plan of the submission: JSON, or the path of a file with it; without it
                    nothing is looked at and nothing is installed
==================  =============================================================================
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import os
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.gateways.python.pythons import is_same_python
from rayspace.model.packages import (
    EXIT_PACKAGES,
    RUNNER_REQUIREMENTS,
    Installation,
    PackagePlan,
    PackagesMode,
)
from rayspace.runner.install_failure import InstallError, secret_values
from rayspace.runner.installation_words import asked, limits_of, listed, merged, too_new, too_old
from rayspace.runner.installer import Installer
from rayspace.runner.log import RunnerLog
from rayspace.runner.presence import (
    installed_versions,
    lacking,
    name_of,
    needed_of,
    protected_versions,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from rayspace.runner.presence import Lack
    from rayspace.runner.spool import Spool

PLAN = "RAYSPACE_PACKAGES"
#: How often a long installation says that it goes on. [s]
_TELL_S = 15.0


def take_plan(environment: Mapping[str, str]) -> PackagePlan | None:
    """Read the plan that the environment names; None where it names none.

    Raises
    ------
    ValueError
        If it is no plan, or its file can't be read.
    """
    text = environment.get(PLAN, "").strip()
    if not text:
        return None
    if not text.startswith("{"):
        try:
            text = Path(text).read_text("utf-8")
        except OSError as exc:
            message = f"{text} can't be read: {exc.strerror}"
            raise ValueError(message) from exc
    return PackagePlan.from_wire(json.loads(text))


def install_for_job(
    environment: Mapping[str, str], spool: Spool, is_stopped: Callable[[], bool]
) -> tuple[dict[str, str], bool]:
    """Install what a job lacks, and keep in its spool what came of it.

    Parameters
    ----------
    environment
        The environment of the runner; it names the plan.
    spool
        The job's spool.
    is_stopped
        Says whether the job was stopped meanwhile.

    Returns
    -------
    dict
        The environment in which the job goes on.
    bool
        Whether it can: else not even a verdict can be written.
    """
    changed = dict(environment)

    def write(content: bytes) -> None:
        # A full disk or a closed output must not keep the job from running.
        with contextlib.suppress(OSError), spool.driver_log.open("ab") as stream:
            stream.write(content)
        with contextlib.suppress(OSError):
            os.write(1, content)

    log = RunnerLog(write, secret_values(environment))
    try:
        plan = take_plan(environment)
    except ValueError as exc:
        done = Installation(failure=f"The plan of packages can't be read: {exc}.")
    else:
        changed.pop(PLAN, None)
        if plan is None:
            return changed, True
        done = Installing(plan, spool.packages_dir, environment, log.line, is_stopped).run()
        done = dataclasses.replace(done, source_dirs=plan.source_dirs)
    if done.directory:
        inherited = changed.get("PYTHONPATH", "")
        changed["PYTHONPATH"] = os.pathsep.join(filter(None, [done.directory, inherited]))
        # Kernels and templates of pages, which Jupyter does not look for beside modules.
        data = [str(Path(done.directory, "share", "jupyter")), changed.get("JUPYTER_PATH", "")]
        changed["JUPYTER_PATH"] = os.pathsep.join(filter(None, data))
        # The supervisor may have to write the verdict itself. Its own program stays the first.
        sys.path.insert(1, done.directory)
    spool.write_installation(done)
    if not done.can_report and not is_stopped():
        log.line(f"rayspace: the job can't run: {done.failure}")
        log.line(
            "rayspace: the runner lacks packages that even its verdict needs; it ends with exit"
            f" code {EXIT_PACKAGES}."
        )
    return changed, done.can_report


class Installing:
    """Installs what one job lacks.

    Parameters
    ----------
    plan
        What the job needs.
    directory
        Where to install; made if need be.
    environment
        Variables of the job: those of pip and uv say where packages come from.
    tell
        Takes lines for the job's log.
    is_stopped
        Says whether the job was stopped meanwhile.
    """

    def __init__(
        self,
        plan: PackagePlan,
        directory: Path,
        environment: Mapping[str, str],
        tell: Callable[[str], None],
        is_stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._environment = environment
        self._tell = tell
        self._is_stopped = is_stopped
        self._begun_s = self._told_s = time.monotonic()

    def run(self) -> Installation:
        """Install what is missing; costs a few milliseconds when nothing is."""
        versions = installed_versions()
        needed = [item for item in RUNNER_REQUIREMENTS if not item.is_optional]
        own = lacking(needed, versions, exact=True)
        theirs = self._lacking(versions)
        if too_old():
            return Installation(failure=too_old(), can_report=not own)
        if too_new():
            self._tell(f"rayspace: {too_new()}")
        if not own and not theirs:
            return Installation()
        if self._plan.mode is PackagesMode.IMAGE:
            return self._refuse(own, theirs)
        if own:
            # Where packages are brought anyway, what the runner can do without comes as well.
            own = lacking(RUNNER_REQUIREMENTS, versions, exact=True)
        protected = protected_versions()
        theirs = self._without_protected(theirs, protected)
        if not own and not theirs:
            return Installation()
        self._tell_difference(own, theirs)
        return self._install(own, theirs, protected)

    def _lacking(self, versions: Mapping[str, str]) -> list[Lack]:
        kernel = self._plan.kernel_python
        if kernel and not is_same_python(kernel, sys.executable):
            self._tell(
                f"rayspace: the notebook runs with {kernel}, whose packages stay as they are."
            )
            return []
        is_sync = self._plan.mode is PackagesMode.SYNC
        wanted = [item for item in self._plan.requirements if is_sync or not item.is_optional]
        return lacking(wanted, versions, exact=is_sync)

    def _refuse(self, own: Sequence[Lack], theirs: Sequence[Lack]) -> Installation:
        texts = [f"{asked(item)} ({item.requirement.source})" for item in [*theirs, *own]]
        sentence = (
            f"The image lacks {', '.join(texts)}, and --packages image installs nothing;"
            " build them into the image, or ship the notebook with --packages auto."
        )
        return Installation(failure=sentence, can_report=not own)

    def _without_protected(
        self, theirs: Sequence[Lack], protected: Mapping[str, str]
    ) -> list[Lack]:
        kept = [item for item in theirs if name_of(item.requirement.text) in protected]
        for item in kept:
            self._tell(
                f"rayspace: {name_of(item.requirement.text)} {item.version} of the image stays,"
                f" since Ray needs it; asked was {item.requirement.text}."
            )
        return [item for item in theirs if item not in kept]

    def _tell_difference(self, own: Sequence[Lack], theirs: Sequence[Lack]) -> None:
        for label, items in (("the runner", own), ("the notebook", theirs)):
            lacks = [item.requirement.text for item in items if not item.version]
            others = [
                f"{item.version} for {item.requirement.text}" for item in items if item.version
            ]
            if lacks:
                self._tell(f"rayspace: the image lacks, for {label}: {listed(lacks)}.")
            if others:
                self._tell(f"rayspace: the image has, for {label}: {listed(others)}.")

    def _install(
        self, own: Sequence[Lack], theirs: Sequence[Lack], protected: Mapping[str, str]
    ) -> Installation:
        self._begun_s = self._told_s = time.monotonic()
        try:
            installer = Installer(
                self._environment, self._plan.timeout_s, self._is_stopped, self._tick
            )
            exact = self._put(installer, own, theirs, protected)
        except InstallError as exc:
            return self._failed(exc, own, protected, alone=not theirs)
        names = [name_of(item.requirement.text) for item in theirs]
        installed = Installation(
            str(self._directory),
            tuple(exact),
            tuple(needed_of(str(self._directory), names)) if names else (),
        )
        seconds = time.monotonic() - self._begun_s
        plural = "" if len(exact) == 1 else "s"
        self._tell(
            f"rayspace: installed {listed(exact)} with {installer.name}: {len(exact)}"
            f" package{plural}, {seconds:.1f} s."
        )
        self._warn_of_wrong_guesses(theirs)
        return installed

    def _put(
        self,
        installer: Installer,
        own: Sequence[Lack],
        theirs: Sequence[Lack],
        protected: Mapping[str, str],
    ) -> list[str]:
        texts = merged(own, theirs)
        limits = limits_of(self._plan.constraints, texts, protected)
        self._tell(f"rayspace: installing {listed(texts)}")
        try:
            exact = installer.resolve(texts, limits)
        except InstallError as exc:
            loose = merged(own, theirs, loosely=True)
            if not exc.is_unmet or self._plan.mode is not PackagesMode.AUTO or loose == texts:
                raise
            self._tell(f"rayspace: {exc.sentence}")
            self._tell("rayspace: those versions can't be had here; trying any versions.")
            exact = installer.resolve(loose, limits)
        if exact:
            installer.install(exact, str(self._directory))
        importlib.invalidate_caches()
        return exact

    def _failed(
        self,
        error: InstallError,
        own: Sequence[Lack],
        protected: Mapping[str, str],
        *,
        alone: bool,
    ) -> Installation:
        """Give the runner at least what it needs to put the failure on record."""
        self._tell_output(error)
        # Half of them are of no use, and a full disk has to take the record of the job.
        shutil.rmtree(self._directory, ignore_errors=True)
        if not own:
            return Installation(failure=error.sentence)
        if alone or self._is_stopped():
            return Installation(failure=error.sentence, can_report=False)
        try:
            installer = Installer(
                self._environment, self._plan.timeout_s, self._is_stopped, self._tick
            )
            exact = self._put(installer, own, [], protected)
        except InstallError as exc:
            self._tell_output(exc)
            return Installation(failure=exc.sentence, can_report=False)
        return Installation(str(self._directory), tuple(exact), failure=error.sentence)

    def _tell_output(self, error: InstallError) -> None:
        if error.output:
            self._tell(error.output)
        self._tell(f"rayspace: {error.sentence}")

    def _tick(self) -> None:
        now_s = time.monotonic()
        if now_s - self._told_s >= _TELL_S:
            self._told_s = now_s
            self._tell(f"rayspace: still installing packages, {now_s - self._begun_s:.0f} s")

    def _warn_of_wrong_guesses(self, theirs: Sequence[Lack]) -> None:
        paths = [str(self._directory), *sys.path]
        sys.path.insert(0, str(self._directory))
        try:
            missing = lacking(
                [item.requirement for item in theirs], installed_versions(paths), exact=False
            )
        finally:
            sys.path.pop(0)
        for item in missing:
            wanted = item.requirement
            self._tell(
                f"rayspace: {wanted.text} was installed and has no module {wanted.module}, which"
                f" {wanted.source} imports; name the package in requirements.txt and ship with"
                " --packages sync."
            )
