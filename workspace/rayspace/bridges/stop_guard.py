"""Stop a job when the process is gone that waits for it: ``python -m ... JOB``, in its project.

The other process holds the standard input of this one, and says at its end that all is well; a
process that is killed says nothing.
"""

from __future__ import annotations

import sys

#: What is said when the job needs no stop.
GOES_ON = b"goes on"


def main() -> int:
    """Wait for the word or the end of it; return the exit code. [1]"""
    if GOES_ON in sys.stdin.buffer.read():
        return 0
    from rayspace.cli import main as command

    return command(["job", "stop", sys.argv[1]])


if __name__ == "__main__":
    sys.exit(main())
