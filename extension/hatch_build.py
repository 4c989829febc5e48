"""Put the built front end into wheels: who installs one needs no Node.

In an editable install a missing npm is no failure: all but JupyterLab's panel works without.
"""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

if TYPE_CHECKING:
    from types import ModuleType

#: Set to "skip" where the front end is built and linked otherwise.
_VARIABLE = "RAYSPACE_FRONT_END"
#: Where JupyterLab looks for it, below the prefix of an environment.
_SHARED = "share/jupyter/labextensions/rayspace"


class FrontEndHook(BuildHookInterface[Any]):
    """Builds the front end, unless it is built from the same sources already."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and name what was built: shared data of a wheel, a part of an sdist.

        Parameters
        ----------
        version
            Kind of build: ``standard`` or ``editable``.
        build_data
            What is built.

        Raises
        ------
        RuntimeError
            If it must be built, and there is no npm.
        """
        if os.environ.get(_VARIABLE) == "skip" and version == "editable":
            return
        front_end = self._front_end()
        built = front_end.built_dir(Path(self.root))
        if not front_end.is_built(built, front_end.source_key()):
            if front_end.npm() is None:
                self._do_without(version)
                return
            self.app.display_info("Building JupyterLab's panel with npm")
            front_end.build()
        if self.target_name == "wheel":
            build_data["shared_data"][str(built)] = _SHARED
        else:
            build_data["artifacts"].append(f"/{built.relative_to(self.root).as_posix()}/**")

    def _do_without(self, version: str) -> None:
        if version != "editable":
            raise RuntimeError(
                "JupyterLab's panel must be built, and npm is not on the PATH: install Node 20 or"
                " later, or install a wheel, which brings the panel: pip install rayspace"
            )
        self.app.display_warning(
            "npm is not on the PATH, so JupyterLab's panel is left out; all else works. Install"
            " Node 20 or later and run the same command again."
        )

    def _front_end(self) -> ModuleType:
        path = Path(self.root, "extension", "front_end.py")
        spec = importlib.util.spec_from_file_location("rayspace_front_end", path)
        if spec is None or spec.loader is None:
            raise RuntimeError(f"{path} can't be loaded.")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
