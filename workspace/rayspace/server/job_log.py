"""Read the log of a job piece by piece: one reader for all tabs that follow it."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING, Any

from rayspace.errors import RayspaceError

if TYPE_CHECKING:
    from rayspace.app import App
    from rayspace.gateways.contracts import Clock

#: Of a log as much is kept, its end. [1]
_KEPT_CHARACTERS = 4 * 2**20
#: One answer holds so much. [1]
_PIECE_CHARACTERS = 256 * 2**10
#: A reader that nobody asks ends. [s]
_IDLE_S = 60.0
#: The first answer waits so long for the first text, also of who does not want to wait. [s]
_FIRST_S = 5.0


class _Reader:
    def __init__(self, app: App, name: str) -> None:
        self._app = app
        self._name = name
        self.text = ""
        self.begin = 0
        self.is_complete = False
        self.error: RayspaceError | None = None
        self.asked_s = 0.0
        self.more = asyncio.Event()

    @property
    def end(self) -> int:
        return self.begin + len(self.text)

    async def run(self) -> None:
        try:
            async for piece in self._app.jobs.logs(self._name, follow=True):
                self.text += piece
                cut = max(0, len(self.text) - _KEPT_CHARACTERS)
                self.text, self.begin = self.text[cut:], self.begin + cut
                self._tell()
        except RayspaceError as exc:
            self.error = exc
        finally:
            self.is_complete = True
            self._tell()

    def _tell(self) -> None:
        self.more.set()
        self.more = asyncio.Event()

    async def wait(self, offset: int, duration_s: float) -> None:
        """Wait for text beyond an offset, or for the end."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(duration_s):
                while self.end <= offset and not self.is_complete:
                    await self.more.wait()


class JobLogReader:
    """Reads logs of jobs.

    Parameters
    ----------
    clock
        Tells the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._readers: dict[tuple[str, str], tuple[_Reader, asyncio.Task[None]]] = {}

    async def piece(self, app: App, name: str, offset: int, wait_s: float) -> dict[str, Any]:
        """Return a piece of a log.

        Parameters
        ----------
        app
            The services of the job's project.
        name
            The job.
        offset
            Where to begin, in characters. [1]
        wait_s
            How long to wait for more. [s]

        Returns
        -------
        dict
            Text, the offset to go on from, and whether there will be no more.
        """
        await self._end_idle()
        key = (str(app.project), name)
        is_new = key not in self._readers
        if is_new:
            # Says it if there is no such job.
            state = await app.jobs.status(name)
            reader = _Reader(app, state.name)
            self._readers[key] = reader, asyncio.get_running_loop().create_task(reader.run())
        reader, _ = self._readers[key]
        reader.asked_s = self._clock.monotonic_s()
        if not reader.text:
            await reader.wait(0, max(wait_s, _FIRST_S if is_new else 0.0))
        begin = min(max(offset, reader.begin), reader.end)
        if begin == reader.end:
            await reader.wait(begin, wait_s)
        if reader.error is not None and begin == reader.end:
            self._readers.pop(key, None)
            raise reader.error
        text = reader.text[begin - reader.begin :][:_PIECE_CHARACTERS]
        offset = begin + len(text)
        return {
            "text": text,
            "offset": offset,
            "is_complete": reader.is_complete and offset == reader.end,
        }

    async def close(self) -> None:
        """End all readers."""
        readers, self._readers = list(self._readers.values()), {}
        for _, task in readers:
            task.cancel()
        await asyncio.gather(*(task for _, task in readers), return_exceptions=True)

    async def _end_idle(self) -> None:
        now_s = self._clock.monotonic_s()
        for key, (reader, task) in list(self._readers.items()):
            if now_s - reader.asked_s > _IDLE_S:
                del self._readers[key]
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
