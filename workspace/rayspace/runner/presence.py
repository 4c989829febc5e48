"""Find out what this Python has, without importing any of it.

Runs before anything is installed, and in a job that lacks nothing it must cost next to nothing:
standard library only, directories are listed and no metadata is read. Python 3.10 and later.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import re
import sys
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rayspace.model.packages import Requirement

#: What directories with the metadata of a package are called. Source: PEP 376, and setuptools.
_METADATA = re.compile(r"(.+?)-(\d[^-]*)(?:-py[\d.]+)?\.(?:dist|egg)-info")
_REQUIREMENT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[[^\]]*\])?(.*)")
_CLAUSE = re.compile(r"(===|==|>=|<=|~=|!=|<|>)\s*([^\s,;)]+)")
#: Extras of Ray that a cluster needs.
_CLUSTER_EXTRAS = ("default", "client")


class Lack(NamedTuple):
    """A requirement that is not met.

    Parameters
    ----------
    requirement
        The requirement.
    version
        The version that is there instead; empty for none.
    """

    requirement: Requirement
    version: str


def plain_name(name: str) -> str:
    """Return a package's name as indexes compare it. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def name_of(text: str) -> str:
    """Return the plain name of the package that a requirement asks for."""
    match = _REQUIREMENT.match(text.strip())
    return plain_name(match[1]) if match else ""


def installed_versions(paths: Iterable[str] | None = None) -> dict[str, str]:
    """List the packages of this Python.

    Parameters
    ----------
    paths
        Directories to look into; Python's own path when None.

    Returns
    -------
    dict
        Versions by plain name; of two the one that is imported.
    """
    found: dict[str, str] = {}
    for path in sys.path if paths is None else paths:
        try:
            names = os.listdir(path or ".")  # noqa: PTH208  names are enough, and fast
        except OSError:
            continue
        for name in names:
            match = _METADATA.fullmatch(name)
            if match:
                found.setdefault(plain_name(match[1]), match[2])
    return found


def has_module(name: str) -> bool:
    """Tell whether a module can be found; packages above it are not imported."""
    top, *rest = name.split(".")
    try:
        spec = importlib.util.find_spec(top)
        for depth, _ in enumerate(rest, 2):
            if spec is None or spec.submodule_search_locations is None:
                return False
            spec = importlib.machinery.PathFinder.find_spec(
                ".".join(name.split(".")[:depth]), list(spec.submodule_search_locations)
            )
    except (ImportError, ValueError, AttributeError):
        # A module without a specification, or a finder that fails for want of something.
        return top in sys.modules
    return spec is not None


def lacking(
    requirements: Iterable[Requirement], versions: Mapping[str, str], *, exact: bool
) -> list[Lack]:
    """List the requirements that this Python does not meet.

    Parameters
    ----------
    requirements
        The requirements.
    versions
        What is installed, by plain name.
    exact
        Whether the version must fit as well.

    Returns
    -------
    list of Lack
        In their order.
    """
    found = []
    for requirement in requirements:
        name = name_of(requirement.text)
        # Full MLflow and others bring the modules of their smaller forms.
        version = versions.get(name) or versions.get(plain_name(requirement.module), "")
        there = has_module(requirement.module) if requirement.module else bool(version)
        if not there or (exact and version and not fits(version, requirement.text)):
            found.append(Lack(requirement, version))
    return found


def fits(version: str, requirement: str) -> bool:
    """Tell whether a version is one that a requirement allows.

    Parameters
    ----------
    version
        The version.
    requirement
        Such as ``pandas>=2.1,<3``; one that names a URL allows none.

    Returns
    -------
    bool
        Whether all its clauses hold.

    Notes
    -----
    Versions are compared by their numbers. Before a release come only its own pre-releases, which
    ``==`` tells apart and the other clauses don't.
    """
    match = _REQUIREMENT.match(requirement.strip())
    rest = (match[2] if match else "").partition(";")[0]
    if "@" in rest:
        return False
    return all(_holds(version, sign, wanted) for sign, wanted in _CLAUSE.findall(rest))


def _holds(version: str, sign: str, wanted: str) -> bool:
    if wanted.endswith(".*"):
        prefix = _numbers(wanted[:-2])
        is_same = (_numbers(version) + (0,) * len(prefix))[: len(prefix)] == prefix
        return is_same is (sign == "==")
    mine, theirs = _padded(_numbers(version), _numbers(wanted))
    if sign in {"==", "===", "!="}:
        is_same = mine == theirs and _suffix(version) == _suffix(wanted)
        return is_same is (sign != "!=")
    if sign == "~=":
        n_fixed = len(_numbers(wanted)) - 1
        return mine >= theirs and mine[:n_fixed] == theirs[:n_fixed]
    return {
        ">=": mine >= theirs,
        "<=": mine <= theirs,
        ">": mine > theirs,
        "<": mine < theirs,
    }[sign]


def _numbers(version: str) -> tuple[int, ...]:
    match = re.match(r"v?(?:\d+!)?(\d+(?:\.\d+)*)", version.strip())
    return tuple(map(int, match[1].split("."))) if match else ()


def _padded(a: tuple[int, ...], b: tuple[int, ...]) -> tuple[tuple[int, ...], tuple[int, ...]]:
    size = max(len(a), len(b))
    return a + (0,) * (size - len(a)), b + (0,) * (size - len(b))


def _suffix(version: str) -> str:
    """Return what follows the numbers, without the label of a local build."""
    text = re.sub(r"^v?(?:\d+!)?\d+(?:\.\d+)*", "", version.strip().partition("+")[0])
    return re.sub(r"[-_.]", "", text).lower()


def protected_versions() -> dict[str, str]:
    """List what must stay as it is: Ray and what it requires, by plain name."""
    from importlib.metadata import PackageNotFoundError, distribution

    found: dict[str, str] = {}
    queue: list[tuple[str, Sequence[str]]] = [("ray", _CLUSTER_EXTRAS)]
    while queue:
        name, extras = queue.pop()
        try:
            item = distribution(name)
        except PackageNotFoundError:
            continue
        if not item.version:
            continue
        found[plain_name(name)] = item.version
        for text in item.requires or ():
            asked = re.search(r"\bextra\s*==\s*['\"]([^'\"]+)", text)
            needed = name_of(text)
            if needed not in found and (asked is None or asked[1] in extras):
                queue.append((needed, ()))
    return found


def needed_of(directory: str, names: Iterable[str]) -> list[str]:
    """List the packages in a directory that others need, themselves included.

    Parameters
    ----------
    directory
        Where packages were installed.
    names
        Plain names to begin with.

    Returns
    -------
    list of str
        ``name==version``, sorted; only what is in that directory.
    """
    from importlib.metadata import distributions

    there = {plain_name(item.metadata["Name"]): item for item in distributions(path=[directory])}
    queue, seen = list(names), set()
    while queue:
        name = queue.pop()
        if name in there and name not in seen:
            seen.add(name)
            queue.extend(name_of(text) for text in there[name].requires or ())
    return sorted(f"{name}=={there[name].version}" for name in seen)
