"""Read the profile files of all layers: built-in, system, user, project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from rayspace.core.profiles.files import profile_entries, profile_not_found, profile_of
from rayspace.gateways.templates import list_templates, read_template
from rayspace.model.profile_entry import LAYERS, ProfileEntry, ProfileFile

if TYPE_CHECKING:
    import builtins
    from collections.abc import Iterator, Sequence

    from rayspace.model.profile import Profile

_FOLDER = "profiles"
#: Of two files of one name in a directory the first wins.
_SUFFIXES = (".yaml", ".yml")


class ProfileFiles:
    """Profiles by name, from all layers.

    Parameters
    ----------
    project
        The project directory.
    system_dirs
        Directories of the machine's profiles, the nearest first; by default those where programs
        of this system keep settings.
    user_dir
        Directory of the user's profiles; by default below the user's settings.
    """

    def __init__(
        self,
        project: Path,
        *,
        system_dirs: Sequence[Path] | None = None,
        user_dir: Path | None = None,
    ) -> None:
        self._project_dir = project / ".rayspace" / _FOLDER
        self._system_dirs = system_dirs
        self._user_dir = user_dir

    def get(self, name: str, also: Sequence[ProfileFile] = ()) -> Profile:
        """Return a profile.

        Parameters
        ----------
        name
            Its name.
        also
            Files of the namespace in which it shall start.

        Returns
        -------
        Profile
            The nearest layer's.

        Raises
        ------
        ProfileNotFoundError
            If no layer has one of that name.
        ProfileError
            If the nearest file is wrong; a farther one does not step in for it.
        """
        files = [*self._files(), *also]
        named = [file for file in files if file.name == name]
        if not named:
            raise profile_not_found(name, sorted({file.name for file in files}))
        return profile_of(max(named, key=lambda file: LAYERS.index(file.layer)))

    def entries(self, also: Sequence[ProfileFile] = ()) -> builtins.list[ProfileEntry]:
        """List all names, with layer, path, what is hidden, and what is wrong."""
        return profile_entries([*self._files(), *also])

    def list(self, also: Sequence[ProfileFile] = ()) -> builtins.list[Profile]:
        """Return the profiles that can be used, the nearest layer's of each name.

        Parameters
        ----------
        also
            Files from elsewhere: those of a namespace.
        """
        return [entry.profile for entry in self.entries(also) if entry.profile is not None]

    def _files(self) -> Iterator[ProfileFile]:
        for name in list_templates(_FOLDER):
            path = f"{_FOLDER}/{name}"
            if name.endswith(_SUFFIXES):
                yield ProfileFile(name.rpartition(".")[0], LAYERS[0], path, read_template(path))
        system_dirs = self._system_dirs
        if system_dirs is None:
            site = platformdirs.site_config_path("rayspace") / _FOLDER
            system_dirs = tuple(dict.fromkeys((Path("/etc/rayspace") / _FOLDER, site)))
        user_dir = self._user_dir or platformdirs.user_config_path("rayspace") / _FOLDER
        layers = {"system": system_dirs, "user": (user_dir,), "project": (self._project_dir,)}
        for layer, directories in layers.items():
            for directory in directories:
                yield from _files_in(directory, layer)


def _files_in(directory: Path, layer: str) -> Iterator[ProfileFile]:
    try:
        paths = sorted(directory.iterdir())
    except OSError:
        # Most layers are empty on most machines.
        return
    for suffix in _SUFFIXES:
        for path in paths:
            if path.suffix != suffix or path.name.startswith("."):
                continue
            try:
                yield ProfileFile(path.stem, layer, str(path), path.read_text("utf-8"))
            except UnicodeDecodeError:
                yield ProfileFile(path.stem, layer, str(path), problem="it is not UTF-8")
            except OSError as error:
                problem = (error.strerror or type(error).__name__).lower()
                yield ProfileFile(path.stem, layer, str(path), problem=problem)
