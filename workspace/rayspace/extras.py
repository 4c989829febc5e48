"""Say how a package that another install brings is installed, where it is missing."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from rayspace.errors import MissingExtraError

if TYPE_CHECKING:
    from collections.abc import Iterator

_OF_EXTRAS = {"mlflow", "ray", "papermill", "sqlalchemy", "alembic"}


@contextlib.contextmanager
def missing_extras() -> Iterator[None]:
    """Turn the lack of a package into the command that brings it."""
    try:
        yield
    except ModuleNotFoundError as exc:
        missing = (exc.name or "").partition(".")[0]
        if missing in _OF_EXTRAS:
            raise MissingExtraError(missing) from exc
        raise
