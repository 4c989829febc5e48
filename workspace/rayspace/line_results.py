"""Tell what becomes of the value that a line magic returns.

IPython shows what the last line of a cell returns, and drops what any other line returns. A line
such as ``x = %ray_cluster status`` keeps it. Which of these it is stands in the code that called
the magic: in the instruction that comes next.
"""

from __future__ import annotations

import dis
import enum
import sys

#: IPython calls magics by its method of this name, from the code of the cell.
_CALLED_BY = "run_line_magic"
#: Of Python 3.11, and from 3.12 on. Source: the documentation of the module dis.
_SHOWING = {("PRINT_EXPR", None), ("CALL_INTRINSIC_1", 1)}


class Fate(enum.Enum):
    """What becomes of a value."""

    #: The shell shows it: the last line of a cell.
    SHOWN = "shown"
    #: Nobody sees it: any other line, or one within a loop.
    DROPPED = "dropped"
    #: It is given a name, or passed on.
    USED = "used"


def fate_of_result() -> Fate:
    """Return what becomes of the value that the running line magic returns."""
    frame = sys._getframe()  # noqa: SLF001  inspect.currentframe is the same and may be None
    while frame.f_code.co_name != _CALLED_BY:
        if frame.f_back is None:
            # A program called the magic without the shell.
            return Fate.USED
        frame = frame.f_back
    caller = frame.f_back
    if caller is None:
        return Fate.USED
    following = next(i for i in dis.get_instructions(caller.f_code) if i.offset > caller.f_lasti)
    if (following.opname, following.arg) in _SHOWING:
        return Fate.SHOWN
    return Fate.DROPPED if following.opname == "POP_TOP" else Fate.USED
