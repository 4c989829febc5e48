"""Make names that Kubernetes, file systems and people accept.

Requirements: always a valid DNS label (RFC 1123, at most 63 characters), beginning with a letter
(RFC 1035, since KubeRay derives Service names); the same input gives the same name; an input that
had to be shortened or changed to nothing recognisable bears a hash, so two inputs do not collide.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

#: KubeRay appends suffixes such as "-head-svc" and a random part to the name of a cluster, and a
#: Service name has at most 63 characters.
MAX_NAME_LENGTH = 40
_SAFE = re.compile(r"[a-z]([-a-z0-9]{0,38}[a-z0-9])?")
_HASH_LENGTH = 6


def is_safe_name(name: str) -> bool:
    """Tell whether a name can be used as it is."""
    return _SAFE.fullmatch(name) is not None


def safe_name(text: str) -> str:
    """Turn any text into a safe name.

    Parameters
    ----------
    text
        What a person typed, or the stem of a file.

    Returns
    -------
    str
        A name for which `is_safe_name` holds; ``text`` itself where it already does.

    Examples
    --------
    >>> safe_name("My Model_v2")
    'my-model-v2'
    """
    if is_safe_name(text):
        return text
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "-", ascii_text.lower()).strip("-")
    name = re.sub(r"^[^a-z]+", "", name)
    if is_safe_name(name):
        return name
    return _marked(name, text)


def distinct_name(text: str, *meaning: str) -> str:
    """Turn a text that may mean several things into a safe name that means one of them.

    Parameters
    ----------
    text
        What they share.
    meaning
        What only the one has.

    Returns
    -------
    str
        The name, with a hash of the meaning.
    """
    return _marked(safe_name(text), "\0".join(meaning))


def _marked(name: str, text: str) -> str:
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_LENGTH]
    stem = (name or "x")[: MAX_NAME_LENGTH - _HASH_LENGTH - 1].strip("-")
    return f"{stem}-{digest}"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """List up to three known names that look like ``name``, the likeliest first."""
    return difflib.get_close_matches(name, list(known), n=3, cutoff=0.5)
