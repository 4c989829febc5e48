"""Go on in one copy of a log where another one broke off."""

from __future__ import annotations

#: How much of what was told last is compared; more than a line that repeats. [characters]
TAIL_CHARS = 4096


def rest_after(text: str, tail: str, n_told: int) -> str:
    """Return what follows of a log.

    The copies may begin at different places: Ray's has a line of its own before the first one of
    the job, and those of earlier attempts. And the other may be older, and end before.

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
        What was not told.
    """
    # Rarely does a copy have more before it than was told: the last place up to there counts.
    start = text.rfind(tail, 0, n_told)
    if start < 0:
        start = text.find(tail)
    if start >= 0:
        return text[start + len(tail) :]
    suffix = tail
    while suffix:
        # Lines that the one copy only has before all that the other has.
        _, _, suffix = suffix.partition("\n")
        if suffix and text.startswith(suffix):
            return text[len(suffix) :]
    is_one_line = n_told == len(tail) and tail.count("\n") <= 1
    # That line may be of the one copy only; better told once more than its text not at all.
    return text if is_one_line else text[n_told:]
