"""Say what is done, and what took how long."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

#: What each stage of this process took. [s]
TIMES_S: dict[str, float] = {}


def say(text: str) -> None:
    """Print at once, beside the output of tests."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


@contextmanager
def stage(name: str) -> Iterator[None]:
    """Tell that a stage begins, and what it took."""
    say(f"cluster: {name} …")
    began_s = time.monotonic()
    yield
    TIMES_S[name] = time.monotonic() - began_s
    say(f"cluster: {name}: {TIMES_S[name]:.1f} s")
