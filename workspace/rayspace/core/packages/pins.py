"""Read versions of packages from the files in which projects keep them.

Sources: PEP 508 for requirements, https://docs.astral.sh/uv/concepts/projects/layout/#the-lockfile
for uv.lock, and what ``conda env export`` writes for environment.yml.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from rayspace.model.packages import Pins

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_NAME = re.compile(
    r"([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(\[[^\]]*\])?\s*(.*)", re.DOTALL
)
_CONDA = re.compile(r"(?:[^:\s]+::)?([A-Za-z0-9][A-Za-z0-9._-]*)(?:={1,2}([^=\s]+)(?:=\S+)?)?")
#: What conda calls otherwise than indexes of Python packages do.
_OF_CONDA = {
    "pytorch": "torch",
    "pytorch-cpu": "torch",
    "pytorch-gpu": "torch",
    "py-xgboost": "xgboost",
    "py-opencv": "opencv-python",
    "opencv": "opencv-python",
    "matplotlib-base": "matplotlib",
    "tensorflow-base": "tensorflow",
    "python-graphviz": "graphviz",
    "msgpack-python": "msgpack",
    "ray-core": "ray",
    "ray-default": "ray",
}


def plain_name(name: str) -> str:
    """Return a package's name as indexes compare it. Source: PEP 503."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirement_name(text: str) -> str:
    """Return the plain name of the package that a requirement asks for; empty for none."""
    match = _NAME.fullmatch(text.strip())
    return plain_name(match[1]) if match else ""


def without_user(text: str) -> str:
    """Take user and password out of the URLs of a text: a plan is shown to whoever may ask Ray."""
    return re.sub(r"(?<=://)[^/@\s]+@", "", text)


def read_pins(files: Mapping[str, str], versions: Mapping[str, str]) -> Pins | None:
    """Read the first kind of file that a project has.

    Parameters
    ----------
    files
        Texts by path: ``uv.lock``, then ``requirements*.txt``, then ``environment.yml``.
    versions
        Versions here by plain name: they choose where a lock file has several.

    Returns
    -------
    Pins or None
        What the files name; None where none of them names anything.
    """
    for fits, read in (
        (_is_lock, lambda text: _locked(text, versions)),
        (_is_requirements, _required),
        (_is_conda, _exported),
    ):
        chosen = [path for path in files if fits(path.rpartition("/")[2])]
        requirements: dict[str, str] = {}
        for path in chosen:
            for name, text in read(files[path]):
                requirements.setdefault(name, text)
        if requirements:
            return Pins(", ".join(chosen), requirements)
    return None


def is_pins_file(name: str) -> bool:
    """Tell whether a file of that name may hold pins."""
    return _is_lock(name) or _is_requirements(name) or _is_conda(name)


def _is_lock(name: str) -> bool:
    return name == "uv.lock"


def _is_requirements(name: str) -> bool:
    return re.fullmatch(r"requirements.*\.txt", name) is not None


def _is_conda(name: str) -> bool:
    return name in {"environment.yml", "environment.yaml"}


def _locked(text: str, versions: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    # Not in Python 3.10, which runs jobs.
    import tomllib

    try:
        packages = tomllib.loads(text).get("package", [])
    except tomllib.TOMLDecodeError:
        return
    found: dict[str, list[str]] = {}
    for package in packages if isinstance(packages, list) else ():
        if not isinstance(package, dict):
            continue
        source = package.get("source")
        # The project itself and its members are no packages of an index.
        if isinstance(source, dict) and not {"registry"} & set(source):
            continue
        name, version = package.get("name"), package.get("version")
        if isinstance(name, str) and isinstance(version, str):
            found.setdefault(plain_name(name), []).append(version)
    for name, several in found.items():
        here = versions.get(name, "")
        yield name, f"{name}=={here if here in several else several[-1]}"


def _required(text: str) -> Iterator[tuple[str, str]]:
    for line in text.replace("\\\n", " ").splitlines():
        plain = re.sub(r"(^|\s)#.*", "", line)
        # Hashes are for files of one platform; the image's may be another.
        plain = re.split(r"\s--[a-z]", plain)[0].strip()
        # A marker asks about this machine, not about the image.
        plain = plain.partition(";")[0].strip() if " @ " not in plain else plain
        if plain and not plain.startswith("-"):
            name = requirement_name(plain)
            if name and _is_requirement(plain):
                yield name, without_user(plain)


def _is_requirement(text: str) -> bool:
    match = _NAME.fullmatch(text)
    return match is not None and (not match[3] or match[3][0] in "=<>!~@(")


def _exported(text: str) -> Iterator[tuple[str, str]]:
    try:
        document: Any = yaml.safe_load(text)
    except yaml.YAMLError:
        return
    listed = document.get("dependencies") if isinstance(document, dict) else None
    for item in listed if isinstance(listed, list) else ():
        if isinstance(item, dict):
            inner = item.get("pip")
            yield from _required("\n".join(map(str, inner)) if isinstance(inner, list) else "")
        elif isinstance(item, str) and (match := _CONDA.fullmatch(item.strip())):
            name = plain_name(match[1])
            if name not in {"python", "pip", "setuptools", "wheel"}:
                name = _OF_CONDA.get(name, name)
                version = match[2] or ""
                exact = f"=={version}" if version and "*" not in version else ""
                yield name, f"{name}{exact}"
