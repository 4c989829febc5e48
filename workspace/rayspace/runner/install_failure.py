"""Say why packages could not be installed, in one sentence: values in, values out.

Standard library only, any Python from 3.10. Sources: what pip 26 and uv 0.13 print, with a package
that no index has, with packages that exclude each other, with no index, with a wrong hash, and on a
full disk.
"""

from __future__ import annotations

import contextlib
import errno
import re
import urllib.parse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

#: What tools say where no index answers.
_AWAY = re.compile(
    r"NewConnectionError|Failed to establish a new connection|Connection refused|ConnectTimeout"
    r"|Temporary failure in name resolution|Name or service not known|dns error|tcp connect error"
    r"|Network is unreachable|Read timed out|operation timed out|client error \(Connect\)",
    re.IGNORECASE,
)
_FULL = re.compile(r"No space left on device|Disk quota exceeded|Errno (?:28|122)\b", re.IGNORECASE)
_HASHES = re.compile(r"DO NOT MATCH THE HASHES|[Hh]ash mismatch|--require-hashes")
#: Which package that is, as pip and as uv tell.
_FALSE = re.compile(
    r"DO NOT MATCH THE HASHES[^\n]*\n\s*(\S+)|Hash mismatch for `([^`]+)`", re.IGNORECASE
)
#: How uv tells what an error comes from; how pip tells which packages exclude each other.
_CAUSE = re.compile(r"╰─▶|^\s*cause(?:d by)?:", re.IGNORECASE | re.MULTILINE)
_CONFLICT = re.compile(r"^The conflict is caused by:\n((?:    .+\n)+)", re.MULTILINE)
#: As much of a tool's output as a log bears [1], and of a line as a sentence does. [1]
_N_TAIL = 15
_SENTENCE_LENGTH = 300


class InstallError(Exception):
    """Packages could not be installed.

    Parameters
    ----------
    sentence
        Why, in one sentence.
    output
        The last lines of what the tool said.
    is_unmet
        Whether an index answered, and has nothing that fits.
    """

    def __init__(self, sentence: str, output: str = "", *, is_unmet: bool = False) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.output = output
        self.is_unmet = is_unmet


def failure_of(tool: str, output: str) -> InstallError:
    """Say in one sentence why a tool failed.

    Parameters
    ----------
    tool
        Its name.
    output
        All that it said.

    Returns
    -------
    InstallError
        The error.
    """
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    tail = "\n".join(lines[-_N_TAIL:])
    if _FULL.search(output):
        return InstallError(f"The disk is full where packages are installed ({tool}).", tail)
    if _AWAY.search(output):
        return InstallError(
            "No package index could be reached from where the job runs"
            f" ({tool}: {_last(lines, output)}).",
            tail,
        )
    if _HASHES.search(output):
        named = _FALSE.search(output)
        which = next(filter(None, named.groups())) if named else _last(lines, output)
        return InstallError(
            f"A package is not the one that its hash promises ({tool}: {which}).", tail
        )
    is_unmet = any(
        words in output
        for words in ("No matching distribution", "ResolutionImpossible", "No solution found")
    )
    return InstallError(f"{tool} failed: {_last(lines, output)}.", tail, is_unmet=is_unmet)


def disk_failure(error: OSError) -> InstallError:
    """Say why files of an installation could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        return InstallError("The disk is full where packages are installed.")
    where = f" {error.filename}" if error.filename else ""
    return InstallError(f"Packages can't be written{where}: {error.strerror or error}.")


def secret_values(environment: Mapping[str, str]) -> list[str]:
    """List passwords in the settings of pip and uv, which no log may hold."""
    found = []
    for name, value in environment.items():
        if not name.startswith(("PIP_", "UV_")):
            continue
        if name.endswith(("_PASSWORD", "_TOKEN")):
            found.append(value)
        for url in value.split():
            with contextlib.suppress(ValueError):
                parts = urllib.parse.urlsplit(url)
                found += [text for text in (parts.password, parts.username) if text]
    return found


def _last(lines: Sequence[str], output: str) -> str:
    """Choose the line that says why."""
    conflict = _CONFLICT.search(output)
    _, found, reason = _CAUSE.sub("\0", output).rpartition("\0")
    if conflict:
        held = conflict[1].replace("The user requested (constraint)", "the image holds")
        text = "; ".join(line.strip() for line in held.strip().splitlines())
    elif found:
        # The last is the deepest; it may have several lines.
        text = " ".join(reason.split())
    else:
        errors = [line for line in lines if line.lower().startswith("error:")]
        text = (errors or list(lines) or ["it did not say why"])[-1]
    text = re.sub(r"^error:\s*", "", text, flags=re.IGNORECASE)
    text = re.sub(r"(?<=://)[^/@\s]+@", "", text).rstrip(". ")
    return text if len(text) <= _SENTENCE_LENGTH else f"{text[: _SENTENCE_LENGTH - 1]}…"
