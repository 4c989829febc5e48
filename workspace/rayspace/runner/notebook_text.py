"""Write a notebook as JSON, cell by cell, so that a cell that is done is written only once.

A notebook of many megabytes is stored again and again while it runs. The text is, byte for byte,
what nbformat writes. Source: nbformat/v4/nbjson.py and rwbase.py.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

#: What nbformat splits into lines besides text/*.
_SPLIT_TYPES = {"application/javascript", "image/svg+xml"}
_TRANSIENT = ("orig_nbformat", "orig_nbformat_minor", "signature")


class NotebookText:
    """The text of one notebook.

    Parameters
    ----------
    document
        The notebook; it may change, except for its number of cells.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._document = document
        self._texts: dict[int, str] = {}

    def cell_changed(self, index: int) -> None:
        """Note that a cell must be written anew."""
        self._texts.pop(index, None)

    def parts(self) -> list[str]:
        """Return the text in pieces, to be joined."""
        return self._assemble([self._cell(i) for i in range(len(self._document["cells"]))])

    async def parts_by_and_by(self) -> list[str]:
        """Return the text in pieces, letting others work between two cells."""
        texts = []
        for index in range(len(self._document["cells"])):
            if index not in self._texts:
                await asyncio.sleep(0)
            texts.append(self._cell(index))
        return self._assemble(texts)

    def _cell(self, index: int) -> str:
        text = self._texts.get(index)
        if text is None:
            text = _dump(_split_cell(self._document["cells"][index])).replace("\n", "\n  ")
            self._texts[index] = text
        return text

    def _assemble(self, texts: list[str]) -> list[str]:
        rest = {key: value for key, value in self._document.items() if key != "cells"}
        metadata = rest.get("metadata", {})
        rest["metadata"] = {k: v for k, v in metadata.items() if k not in _TRANSIENT}
        # "cells" comes first, in the order of the alphabet as well.
        tail = _dump(rest)[1:] + "\n"
        if not texts:
            return ['{\n "cells": [],', tail]
        joined = [piece for text in texts for piece in (",\n  ", text)]
        return ['{\n "cells": [\n  ', *joined[1:], "\n ],", tail]


def notebook_bytes(document: dict[str, Any]) -> bytes:
    """Return a notebook as the bytes of a file."""
    return "".join(NotebookText(document).parts()).encode("utf-8", "surrogatepass")


def _dump(value: Any) -> str:
    return json.dumps(
        value, ensure_ascii=False, indent=1, sort_keys=True, separators=(",", ": "), default=_bytes
    )


def _bytes(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("ascii")
    message = f"{type(value).__name__} has no place in a notebook"
    raise TypeError(message)


def _split_cell(cell: dict[str, Any]) -> dict[str, Any]:
    split = dict(cell)
    split["metadata"] = {k: v for k, v in cell.get("metadata", {}).items() if k != "trusted"}
    if isinstance(cell.get("source"), str):
        split["source"] = cell["source"].splitlines(keepends=True)
    if "attachments" in cell:
        split["attachments"] = {k: _split_bundle(v) for k, v in cell["attachments"].items()}
    if "outputs" in cell:
        split["outputs"] = [_split_output(output) for output in cell["outputs"]]
    return split


def _split_output(output: dict[str, Any]) -> dict[str, Any]:
    kind = output.get("output_type")
    if kind == "stream" and isinstance(output.get("text"), str):
        return {**output, "text": output["text"].splitlines(keepends=True)}
    if kind in {"execute_result", "display_data"}:
        return {**output, "data": _split_bundle(output.get("data", {}))}
    return output


def _split_bundle(bundle: dict[str, Any]) -> dict[str, Any]:
    return {
        kind: value.splitlines(keepends=True)
        if isinstance(value, str) and (kind.startswith("text/") or kind in _SPLIT_TYPES)
        else value
        for kind, value in bundle.items()
    }
