"""The parameters of a notebook: values that a job may give it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Parameter:
    """One parameter, as the cell tagged ``parameters`` declares it.

    Parameters
    ----------
    name
        Its name in the notebook.
    type
        Which values it takes, written as an annotation: ``int``, ``list[float]``, ``str | None``,
        ``Literal['adam', 'sgd']``; ``any`` for all that JSON can hold.
    default_repr
        The default as code; empty where there is none, and a value must be given.
    help
        The comment on its line.
    """

    name: str
    type: str = "any"
    default_repr: str = ""
    help: str = ""

    def __str__(self) -> str:
        default = f" = {self.default_repr}" if self.default_repr else ""
        return f"{self.name}: {self.type}{default}"


class Text(str):
    """A value as typed on a command line.

    Where the type says ``any``, it is read as JSON if it is some; a plain `str` stays text there.
    """

    __slots__ = ()
