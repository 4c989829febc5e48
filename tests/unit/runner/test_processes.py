"""Who goes first when memory runs out."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

#: Plays a runner that Ray started, whose parent did the same.
RUNNER = """\
import subprocess, sys
from pathlib import Path
from rayspace.runner.processes import outlive
kernel = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
outlive(kernel.pid)
print(*(Path(f"/proc/{pid}/oom_score_adj").read_text().strip() for pid in ("self", kernel.pid)))
kernel.communicate(b"\\n")
"""


@pytest.mark.skipif(
    not Path("/proc/self/oom_score_adj").exists(),
    reason="Only Linux has /proc/self/oom_score_adj: run it there.",
)
@pytest.mark.parametrize(("begins", "scores"), [("1000", ["900", "1000"]), ("0", ["0", "1000"])])
def test_the_kernel_goes_before_its_runner(begins: str, scores: list[str]) -> None:
    """Where both would go alike; a runner that is safer than that stays so."""
    parent = (
        "import subprocess, sys\nfrom pathlib import Path\n"
        f"Path('/proc/self/oom_score_adj').write_text({begins!r})\n"
        "print(subprocess.check_output([sys.executable, '-c', sys.argv[1]], text=True))"
    )
    told = subprocess.check_output(
        [sys.executable, "-c", parent, RUNNER], text=True, env={**os.environ}
    )
    assert told.split() == scores
