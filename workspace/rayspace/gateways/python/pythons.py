"""Tell Pythons of this machine apart. Standard library only: the runner uses it as well."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

_NAME = re.compile(r"python(\d+(\.\d+)*)?(\.exe)?")


def is_same_python(one: str, other: str) -> bool:
    """Tell whether two programs are one Python with one set of packages.

    Parameters
    ----------
    one, other
        Paths, or names that are looked up in PATH.

    Returns
    -------
    bool
        Whether they lie in one directory and lead to one program. The Pythons of two virtual
        environments are often links to one program, and have different packages.
    """
    return _identity(one) == _identity(other)


def is_interpreter(program: str) -> bool:
    """Tell whether a kernel's program is a Python by its name, and no launcher of its own kind."""
    return _NAME.fullmatch(Path(program).name.lower()) is not None


def _identity(python: str) -> tuple[str, str]:
    path = Path(os.path.abspath(shutil.which(python) or python))  # noqa: PTH100  links count
    return os.path.realpath(path.parent), os.path.realpath(path)
