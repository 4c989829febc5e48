"""Tell the log of one run of a container from those of the runs before and after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import moment_ms

if TYPE_CHECKING:
    from rayspace.model.snapshot import KubeObject


def of_run(ended: KubeObject, newest: str, before: str) -> str:
    """Return the log of a run that has ended, from two logs that were read after that.

    Parameters
    ----------
    ended
        How it ended: the state ``terminated`` of its container.
    newest
        The log of the run that was the newest: this one, or the one that followed it.
    before
        The log of the run before the newest, read after it, each line behind its time; empty where
        there was none.

    Returns
    -------
    str
        The log, without times.
    """
    lines = [line.partition(" ")[::2] for line in before.splitlines()]
    first_ms = moment_ms(lines[0][0]) if lines else None
    began_ms = moment_ms(ended, "startedAt")
    if first_ms is None or began_ms is None or first_ms < began_ms:
        return newest
    return "\n".join(words for _, words in lines)
