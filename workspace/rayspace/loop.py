"""Run coroutines from synchronous code, also where a loop runs already, as in every notebook.

One thread with one event loop serves the whole process; it is started by the first call. Ctrl-C
cancels the waiting, and what was asked for goes on where it runs: in processes of its own.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import contextvars
import functools
import threading
from collections.abc import AsyncGenerator
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator

T = TypeVar("T")

_lock = threading.Lock()
_loop: asyncio.AbstractEventLoop | None = None
_closers: dict[Callable[[], Coroutine[Any, Any, None]], None] = {}
#: How long a process that ends waits for its connections to be closed. [s]
_CLOSING_S = 2.0
#: Most calls that block at a time; they wait for others, and cost little more than memory. [1]
_N_THREADS = 16


def _background_loop() -> asyncio.AbstractEventLoop:
    global _loop
    with _lock:
        if _loop is None or _loop.is_closed():
            _loop = asyncio.new_event_loop()
            threading.Thread(target=_loop.run_forever, name="rayspace", daemon=True).start()
        return _loop


def on_exit(close: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Have a connection of the background loop closed when the process ends.

    Parameters
    ----------
    close
        Closes it; may be given again.
    """
    with _lock:
        if not _closers:
            atexit.register(_close_all)
        _closers[close] = None


def _close_all() -> None:
    if _loop is None or _loop.is_closed():
        return
    for close in list(_closers):
        closing = asyncio.run_coroutine_threadsafe(close(), _loop)
        # What does not let go in time ends with the process.
        with contextlib.suppress(TimeoutError, concurrent.futures.CancelledError):
            closing.result(_CLOSING_S)


def run(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end and return what it returns.

    Parameters
    ----------
    coroutine
        What to run.

    Raises
    ------
    KeyboardInterrupt
        If it was interrupted; the coroutine is cancelled and has tidied up, unless another Ctrl-C
        cut that short.
    """
    loop = _background_loop()
    # Not the future of `asyncio.run_coroutine_threadsafe`: cancelling that one ends it at once,
    # while its task still lets go of locks and temporary files.
    ended: concurrent.futures.Future[asyncio.Task[T]] = concurrent.futures.Future()
    tasks: list[asyncio.Task[T]] = []

    def begin() -> None:
        task = loop.create_task(coroutine)
        task.add_done_callback(ended.set_result)
        tasks.append(task)

    def stop() -> None:
        if tasks:
            tasks[0].cancel()
        else:
            # The interruption was quicker than the order to begin.
            coroutine.close()
            ended.cancel()

    try:
        loop.call_soon_threadsafe(begin)
        return ended.result().result()
    except KeyboardInterrupt:
        with contextlib.suppress(KeyboardInterrupt, concurrent.futures.CancelledError):
            loop.call_soon_threadsafe(stop)
            task = ended.result()
            # What went wrong meanwhile gives way to the person who wants to stop; asked for here,
            # it is not logged as forgotten.
            if not task.cancelled():
                task.exception()
        raise


async def in_thread(function: Callable[..., T], *arguments: Any, **named: Any) -> T:
    """Await a function that blocks, in a thread that the loop itself can do without.

    Connections need threads of the loop's own pool, to resolve names say. A tracking server that
    is reached through this process would wait for such a thread while all of them wait for it.

    Parameters
    ----------
    function
        What to call.
    arguments, named
        What with.
    """
    call = functools.partial(contextvars.copy_context().run, function, *arguments, **named)
    return await asyncio.get_running_loop().run_in_executor(_threads(), call)


@functools.cache
def _threads() -> concurrent.futures.ThreadPoolExecutor:
    return concurrent.futures.ThreadPoolExecutor(_N_THREADS, "rayspace-blocking")


async def in_background(coroutine: Coroutine[Any, Any, T]) -> T:
    """Await a coroutine of the background loop from another loop.

    Parameters
    ----------
    coroutine
        What to run there; cancelled when the waiting is.
    """
    future = asyncio.run_coroutine_threadsafe(coroutine, _background_loop())
    return await asyncio.wrap_future(future)


def iterate(items: AsyncIterator[T]) -> Iterator[T]:
    """Iterate over an asynchronous iterator from synchronous code."""

    async def step() -> tuple[bool, T | None]:
        try:
            return True, await anext(items)
        except StopAsyncIteration:
            return False, None

    try:
        while True:
            more, item = run(step())
            if not more:
                return
            yield item  # type: ignore[misc]  # an item of T, since more is true
    finally:
        # Whoever breaks off leaves no connection open.
        if isinstance(items, AsyncGenerator):
            run(items.aclose())
