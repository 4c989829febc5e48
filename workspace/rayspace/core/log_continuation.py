"""Go on in one copy of a log where another one broke off."""

from __future__ import annotations

#: How much of what was told last is compared; more than a line that repeats. [characters]
TAIL_CHARS = 4096


def rest_after(text: str, tail: str, n_told: int) -> str:
    """Return what follows of a log.

    The copies may begin at different places: Ray's has a line of its own before the first one of
    the job, and those of earlier attempts.

    Parameters
    ----------
    text
        The other copy.
    tail
        The end of what was told, at most `TAIL_CHARS`; empty for nothing told.
    n_told
        How much was told. [characters]

    Returns
    -------
    str
        What was not told; all of the copy if it has nothing of what was.
    """
    while tail:
        # Rarely does a copy have more before it than was told: the last place up to there counts.
        start = text.rfind(tail, 0, n_told)
        if start < 0:
            start = text.find(tail)
        if start >= 0:
            return text[start + len(tail) :]
        # A line that is in the one copy only.
        _, newline, tail = tail.partition("\n")
        if not newline:
            break
    return text
