"""The services of each project below the root folder, made anew when their settings change."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.config import project_dir, settings_fingerprint
from rayspace.errors import NotebookNotFoundError
from rayspace.model.kernel import KernelFacts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rayspace.app import App

    MakeApp = Callable[[Path, Mapping[str, str], KernelFacts | None], App]

#: Projects, each with the kernels that were named, that are kept at hand. [1]
_KEPT = 16


class Apps:
    """The services by project, and by the kernel that things are done for.

    Parameters
    ----------
    root
        The root folder of the Jupyter server.
    environ
        The environment.
    make
        Makes the services of a project.
    """

    def __init__(self, root: Path, environ: Mapping[str, str], make: MakeApp) -> None:
        self.root = root
        self._environ = environ
        self._make = make
        self._kept: dict[tuple[Path, KernelFacts | None], tuple[object, App]] = {}
        self._replaced: list[App] = []
        self._asked: dict[Path, str] = {}

    def of(self, path: str, kernel: Mapping[str, Any] | None = None) -> App:
        """Return the services for a notebook or folder.

        Parameters
        ----------
        path
            Its path below the root; empty for the root.
        kernel
            What the kernel says of itself; None for this Python.
        """
        place = self.file(path)
        folder = place if place.is_dir() else place.parent
        facts = None
        if kernel is not None:
            facts = KernelFacts(
                kernel["python"],
                kernel["python_version"],
                kernel["ray_version"],
                kernel["rayspace_version"],
            )
        project = project_dir(folder)
        self._asked.setdefault(project, path.strip("/"))
        return self.of_project(project, facts)

    def of_project(self, project: Path, kernel: KernelFacts | None = None) -> App:
        """Return the services for a project, made anew if its settings changed."""
        key = (project, kernel)
        stamp = self._stamp(project)
        known = self._kept.pop(key, None)
        if known is None or known[0] != stamp:
            if known is not None:
                # Somebody may still use it, so it is let go of when the server ends.
                self._replaced.append(known[1])
            known = (stamp, self._make(project, self._environ, kernel))
        # The one used last is the last to go.
        self._kept[key] = known
        while len(self._kept) > _KEPT:
            self._replaced.append(self._kept.pop(next(iter(self._kept)))[1])
        return known[1]

    def known(self) -> list[App]:
        """Return the services of all projects that were asked about, that of the root first."""
        root = project_dir(self.root)
        projects = dict.fromkeys([root, *(project for project, _ in self._kept)])
        return [self.of_project(project) for project in projects]

    def path_of(self, project: Path) -> str:
        """Return a path below the root that is of a project; empty for the project of the root."""
        if project == project_dir(self.root):
            return ""
        # Where a link leads to it, only who asked knows it.
        return self.contents_path(str(project)) or self._asked.get(project, "")

    def with_target(self, target: str) -> App:
        """Return the services that know a target: those of the root, else of another project."""
        known = self.known()
        return next((app for app in known if target in {t.name for t in app.targets()}), known[0])

    def file(self, path: str) -> Path:
        """Return where a file of the contents API is on this machine.

        Raises
        ------
        NotebookNotFoundError
            If it would lie outside of the root.
        """
        root = os.path.abspath(self.root)  # noqa: PTH100  as Jupyter does: links are followed
        found = os.path.abspath(os.path.join(root, *path.strip("/").split("/")))  # noqa: PTH100, PTH118
        if "\0" in path or not (found == root or found.startswith(root.rstrip(os.sep) + os.sep)):
            raise NotebookNotFoundError(
                "This path does not lie below the root folder of the Jupyter server.",
                hint="Give it as the file browser shows it.",
                details={"path": path},
            )
        return Path(found)

    def contents_path(self, path: str) -> str:
        """Return how the contents API names a file of this machine; empty if it does not."""
        if not path:
            return ""
        for root in (self.root.absolute(), self.root.resolve()):
            if Path(path).is_relative_to(root):
                below = Path(path).relative_to(root)
                return below.as_posix() if below.parts else ""
        return ""

    async def close(self) -> None:
        """Let go of all connections."""
        for app in (*self._replaced, *(app for _, app in self._kept.values())):
            await app.close()

    def _stamp(self, project: Path) -> object:
        """Return a value that changes when settings, the kubeconfig or used targets may have."""
        settings = settings_fingerprint(project, self._environ)
        named = self._environ.get("KUBECONFIG", "") or str(Path.home() / ".kube" / "config")
        return (settings, *(_modified_ns(Path(name)) for name in named.split(os.pathsep)))


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
