"""Keep a copy of all objects of one kind, as they change: a list, then a watch that never sleeps.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from rayspace.errors import (
    ExpiredError,
    GatewayError,
    GatewayTimeoutError,
    RayspaceError,
)
from rayspace.gateways.kube.answers import status_error

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from rayspace.gateways.kube.client import KubeClient

#: An API server sends a bookmark about once a minute: who hears less has lost the connection. [s]
_SILENCE_S = 90.0
#: How long the server keeps one watch open; spread, so that not all end at once. [s]
_WATCH_S = 280
#: Objects in one page of a list. [1]
_PAGE = 500
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 10.0


class Informer:
    """All objects of one kind in a namespace.

    Parameters
    ----------
    client
        The API server.
    path
        Path of the kind, or what finds it before each list and watch.
    what
        The kind, for messages: ``"RayClusters"``.
    on_change
        Called with the object that changed, in the loop; None after a new list.
    selector
        Labels that the objects bear; empty for all.
    """

    def __init__(
        self,
        client: KubeClient,
        path: str | Callable[[], Awaitable[str]],
        what: str,
        on_change: Callable[[Mapping[str, Any] | None], None],
        *,
        selector: str = "",
    ) -> None:
        self._client = client
        self._path = path
        self._what = what
        self._on_change = on_change
        self._selector = selector
        self._version = ""
        #: The objects by uid.
        self.objects: dict[str, Mapping[str, Any]] = {}
        #: Set once they were listed, or are known not to be for us.
        self.settled = asyncio.Event()
        #: Why there are none: they may not be read, or the API server does not know the kind.
        self.refused: RayspaceError | None = None
        #: Why what is here may be old; None while it is not.
        self.trouble: RayspaceError | None = None

    async def run(self) -> None:
        """Follow the objects until it is cancelled, or they turn out not to be for us."""
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                if not self._version:
                    await self._list()
                await self._watch()
                pause_s = _FIRST_PAUSE_S
            except ExpiredError:
                self._version = ""
            except GatewayError as exc:
                if isinstance(exc, GatewayTimeoutError) and self._version:
                    # Silence: the connection is gone without a word. The next goes on from here.
                    continue
                self._troubled(exc)
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
            except RayspaceError as exc:
                # Not allowed, not known there, or nothing to ask with: no later try differs.
                self.refused = exc
                self.settled.set()
                self._on_change(None)
                return

    def _troubled(self, error: RayspaceError) -> None:
        if self.trouble is None:
            self.trouble = error
            self._on_change(None)

    async def _list(self) -> None:
        found: dict[str, Mapping[str, Any]] = {}
        query = {"limit": _PAGE, "labelSelector": self._selector or None}
        path = await self._found_path()
        while True:
            answer = await self._client.get(path, operation=f"list the {self._what}", query=query)
            for item in answer.get("items") or []:
                found[item["metadata"]["uid"]] = trimmed(item)
            metadata = answer.get("metadata") or {}
            query["continue"] = metadata.get("continue") or None
            if not query["continue"]:
                break
        self.objects = found
        self._version = str(metadata.get("resourceVersion") or "")
        self.trouble = None
        self.settled.set()
        self._on_change(None)

    async def _watch(self) -> None:
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": self._version,
            "timeoutSeconds": _WATCH_S,
            "labelSelector": self._selector or None,
        }
        operation = f"watch the {self._what}"
        lines = self._client.lines(
            await self._found_path(), operation=operation, query=query, silence_s=_SILENCE_S
        )
        async with contextlib.aclosing(lines):
            async for line in lines:
                self._heard(line, operation)

    async def _found_path(self) -> str:
        return self._path if isinstance(self._path, str) else await self._path()

    def _heard(self, line: str, operation: str) -> None:
        try:
            event = json.loads(line)
            kind, item = event["type"], event["object"]
            if kind == "ERROR":
                code = int(item.get("code") or 500)
                raise status_error(self._client.target, code, json.dumps(item), operation)
            metadata = item["metadata"]
            self._version = str(metadata["resourceVersion"])
            uid = str(metadata.get("uid", ""))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            # The rest of the stream can't be trusted: begin with a list.
            raise ExpiredError(
                f"The API server sent a line of a watch that can't be read: {line[:80]!r}",
                system="Kubernetes",
                operation=operation,
            ) from exc
        self.trouble = None
        if kind == "BOOKMARK":
            return
        if kind == "DELETED":
            self.objects.pop(uid, None)
        else:
            self.objects[uid] = trimmed(item)
        self._on_change(item)


def trimmed(item: dict[str, Any]) -> dict[str, Any]:
    """Leave out who set which field: half of an object, and read by nobody here."""
    item["metadata"].pop("managedFields", None)
    return item
