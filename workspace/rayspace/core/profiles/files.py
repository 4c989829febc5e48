"""Read profiles, and decide which of several files of one name wins.

The nearest layer wins with its whole file: half of one file and half of another would be a profile
that nobody wrote. The checks here are by hand, so that they name file and line;
``templates/profiles/schema.json`` says the same for editors, and the tests hold both together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.profiles import pods as profile_pods
from rayspace.core.profiles.checks import Checks
from rayspace.core.profiles.refused_lines import overlay_lines
from rayspace.core.profiles.yaml_text import read_yaml_mapping
from rayspace.errors import ProfileError, ProfileNotFoundError
from rayspace.model.profile import Profile
from rayspace.model.profile_entry import LAYERS, ProfileEntry, ProfileFile
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_RESOURCES = ("cpus", "memory", "gpus", "gpu_type", "object_store_memory")
_KEYS = ("description", "target", "head", "workers", *_RESOURCES, "env", *profile_pods.KEYS)


def parse_profile(text: str, *, name: str, layer: str = "built-in", path: str = "") -> Profile:
    """Read a profile.

    Parameters
    ----------
    text
        The YAML file's content.
    name
        The profile's name.
    layer
        The layer of the file.
    path
        Where the file is.

    Returns
    -------
    Profile
        The profile; what the file does not say is as in `Profile`.

    Raises
    ------
    ProfileError
        If the file is not YAML, or holds an unknown key or a wrong value; all of them are said at
        once, with their lines.
    """
    document = read_yaml_mapping(text, name=path or name, error=ProfileError)
    checks = Checks(path or name)
    checks.keys(document, "", _KEYS)
    fields = document.entries
    head = fields.get("head")
    if head is not None and checks.mapping(head, "head"):
        checks.keys(head, "head.", _RESOURCES)
    n_workers, max_workers = checks.workers(fields.get("workers"), "workers")
    profile = Profile(
        name=name,
        description=checks.text(fields.get("description"), "description"),
        target=checks.text(fields.get("target"), "target"),
        head=checks.resources(head.entries if head else {}, "head.", None),
        n_workers=n_workers,
        worker=checks.resources(fields, "", 1),
        env=checks.env(fields.get("env")),
        max_workers=max_workers,
        more_groups=profile_pods.worker_groups(checks, fields.get("groups")),
        pods=profile_pods.pod_options(checks, fields),
        layer=layer,
        path=path,
        lines=overlay_lines(fields.get("rayCluster")),
    )
    checks.finish()
    return profile


def profile_entries(files: Iterable[ProfileFile]) -> list[ProfileEntry]:
    """Decide which files win.

    Parameters
    ----------
    files
        The files of all layers; of two of one layer and name the first counts.

    Returns
    -------
    list of ProfileEntry
        One for each name, sorted; a broken file is listed with its problem.
    """
    by_name: dict[str, list[ProfileFile]] = {}
    for file in files:
        by_name.setdefault(file.name, []).append(file)
    entries = []
    for name in sorted(by_name):
        # A stable sort: files of one layer stay in the order in which they came.
        winner, *others = sorted(by_name[name], key=lambda file: -LAYERS.index(file.layer))
        profile, problem = None, winner.problem
        try:
            profile = profile_of(winner)
        except ProfileError as error:
            problem = str(error)
        shadows = tuple(f"{other.layer}: {other.path}" for other in others)
        entries.append(ProfileEntry(name, winner.layer, winner.path, profile, problem, shadows))
    return entries


def profile_of(file: ProfileFile) -> Profile:
    """Read the profile of a file.

    Parameters
    ----------
    file
        The file.

    Returns
    -------
    Profile
        The profile.

    Raises
    ------
    ProfileError
        If the file could not be read, or is wrong.
    """
    if file.problem:
        raise ProfileError(f"The profile file {file.path} can't be read: {file.problem}.")
    return parse_profile(file.text, name=file.name, layer=file.layer, path=file.path)


def profile_not_found(name: str, known: Sequence[str]) -> ProfileNotFoundError:
    """Return the error for an unknown profile.

    Parameters
    ----------
    name
        The name that was asked for.
    known
        The names that exist.

    Returns
    -------
    ProfileNotFoundError
        With the nearest names and the list.
    """
    like = nearest(name, known)
    meant = f"Did you mean {' or '.join(map(repr, like))}? " if like else ""
    listed = f"Profiles: {', '.join(known)}." if known else "There are no profiles at all."
    return ProfileNotFoundError(
        f"There is no profile {name!r}.",
        hint=f"{meant}{listed}",
        details={"name": name, "known": list(known), "nearest": like},
    )
