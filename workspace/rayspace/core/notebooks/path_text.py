"""Tell text that names a file from other text.

A guess, made to warn about files that a notebook mentions and that do not travel; whoever warns
checks that the file exists. It never reads the disk itself. The rules are this project's.
"""

from __future__ import annotations

import re

_LONGEST = 300
_EXTENSION = re.compile(
    r"""
    csv|tsv|parquet|pq|feather|arrow|jsonl?|ndjson|ya?ml|toml|ini|cfg|conf|txt|md|rst|xml|html|pdf
    |pkl|pickle|joblib|np[yz]|h5|hdf5?|nc|zarr|pth?|ckpt|safetensors|onnx|pb|tflite|bin|gguf|model
    |gz|bz2|xz|zst|zip|tar|tgz|7z|png|jpe?g|gif|bmp|tiff?|webp|svg|wav|mp[34]|flac|ogg|avi|mov
    |xls[xm]?|ods|sqlite3?|db|duckdb|sql|py|ipynb|r|jl|sh|cu|c|cpp|h|so|data?|mat|sav|dta|rds|rdata
    |shp|geojson|gpkg|tfrecords?|lmdb|log|vocab|fasta|fa|bam|vcf
    """,
    re.VERBOSE | re.IGNORECASE,
)
#: Extensions that end names of modules and loggers as often: "ray.data" is rarely a file.
_WORDS = {"data", "model"}
#: Top-level media types. Source: https://www.iana.org/assignments/media-types
_MEDIA_TYPES = {
    "application",
    "audio",
    "font",
    "image",
    "message",
    "model",
    "multipart",
    "text",
    "video",
}
#: A scheme and a colon: URLs, ``data:``, ``s3:``; also a drive letter of another system.
_SCHEME = re.compile(r"[A-Za-z][\w+.-]*:")
_NEVER = re.compile(r"""[\x00-\x1f<>|"`${}\\;%^]""")
_GLOB = re.compile(r"[*?\[]")
#: One component of a path without a known extension: strict, since "and/or" is no path either.
_PLAIN = re.compile(r"~|\.|\.\.|[\w.+@=-]{2,}")


def mentioned_path(text: str) -> str | None:
    """Return the path that a string seems to name.

    Parameters
    ----------
    text
        A string literal.

    Returns
    -------
    str or None
        The path; of a glob the directory before its first wildcard. None for other text.

    Examples
    --------
    >>> mentioned_path("data/train.csv"), mentioned_path("images/*.png"), mentioned_path("km/h")
    ('data/train.csv', 'images', None)
    """
    if not text or len(text) > _LONGEST or text != text.strip():
        return None
    if _NEVER.search(text) or _SCHEME.match(text) or text.startswith("//"):
        return None
    wildcard = _GLOB.search(text)
    if wildcard:
        folder = text[: wildcard.start()].rpartition("/")[0]
        return folder if folder and _has_plain_parts(folder) else None
    name = text.rpartition("/")[2]
    stem, dot, extension = name.rpartition(".")
    is_word = "/" not in text and extension.lower() in _WORDS
    if dot and stem.strip(".") and _EXTENSION.fullmatch(extension) and not is_word:
        return text
    path = text.rstrip("/")
    if "/" not in text or _is_media_type(path) or not _has_plain_parts(path):
        return None
    return path


def _has_plain_parts(path: str) -> bool:
    parts = path.split("/")
    if parts[0] == "":
        parts = parts[1:]
    if not all(_PLAIN.fullmatch(part) for part in parts):
        return False
    named = [part for part in parts if part.strip(".~")]
    # Dates, fractions and versions are numbers throughout.
    return any(not part.replace(".", "").isdigit() for part in named)


def _is_media_type(path: str) -> bool:
    kind, slash, rest = path.partition("/")
    return bool(slash) and kind in _MEDIA_TYPES and "/" not in rest
