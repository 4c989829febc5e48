"""Waiting for coroutines, and Ctrl-C while waiting."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading

import pytest

from rayspace.loop import in_thread, iterate, run


def interrupt() -> None:
    """Send what Ctrl-C sends, to the thread that waits."""
    signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)


class Act:
    """Something long that tidies up when it is cancelled, until it is allowed to end."""

    def __init__(self, error: BaseException | None = None) -> None:
        self.may_end = threading.Event()
        self.tidies_up = threading.Event()
        self.steps: list[str] = []
        self.error = error

    async def work(self) -> str:
        self.steps.append("began")
        interrupt()
        try:
            await asyncio.Event().wait()
        finally:
            self.steps.append("tidies up")
            self.tidies_up.set()
            await asyncio.shield(asyncio.to_thread(self.may_end.wait, 30))
            self.steps.append("tidied up")
            if self.error is not None:
                raise self.error
        return "never"


async def answer() -> str:
    await asyncio.sleep(0)
    return "answer"


def test_what_a_coroutine_returns_and_raises_comes_out() -> None:
    """Also when another one runs already."""

    async def fail() -> None:
        raise ValueError("bad")

    assert run(answer()) == "answer"
    with pytest.raises(ValueError, match="bad"):
        run(fail())


def test_items_are_iterated_one_by_one() -> None:
    """An asynchronous generator becomes a plain one."""

    async def count():
        for index in range(3):
            await asyncio.sleep(0)
            yield index

    assert list(iterate(count())) == [0, 1, 2]


@pytest.mark.parametrize("error", [None, TimeoutError("late"), RuntimeError("bad")])
def test_an_interruption_waits_until_the_coroutine_has_tidied_up(error, caplog) -> None:
    """What goes wrong meanwhile does not hide the interruption."""
    act = Act(error)
    # So long it takes.
    threading.Timer(0.5, act.may_end.set).start()
    with pytest.raises(KeyboardInterrupt):
        run(act.work())
    assert act.steps == ["began", "tidies up", "tidied up"]
    assert run(answer()) == "answer"
    assert caplog.messages == []


def test_an_interruption_before_the_beginning_begins_nothing(monkeypatch) -> None:
    """Ctrl-C may come at any moment; nothing runs on behind the prompt, and nobody waits."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    monkeypatch.setattr("rayspace.loop._loop", loop)
    really = loop.call_soon_threadsafe

    def interrupted(callback: object) -> None:
        monkeypatch.setattr(loop, "call_soon_threadsafe", really)
        raise KeyboardInterrupt

    monkeypatch.setattr(loop, "call_soon_threadsafe", interrupted)
    act = Act()
    with pytest.raises(KeyboardInterrupt):
        run(act.work())
    assert run(answer()) == "answer"
    assert act.steps == []
    loop.call_soon_threadsafe(loop.stop)


def test_an_interruption_does_not_wait_for_others() -> None:
    """Another thread's call goes on, and nobody waits for it."""
    may_end = threading.Event()
    answers = []
    others = threading.Thread(
        target=lambda: answers.append(run(asyncio.to_thread(may_end.wait, 60)))
    )
    others.start()
    act = Act()
    act.may_end.set()
    with pytest.raises(KeyboardInterrupt):
        run(act.work())
    assert others.is_alive()
    may_end.set()
    others.join()
    assert answers == [True]


def test_a_second_interruption_gives_up_at_once() -> None:
    """Who presses Ctrl-C twice does not want to wait for tidying up."""
    act = Act()

    def again() -> None:
        act.tidies_up.wait(30)
        interrupt()

    threading.Thread(target=again).start()
    with pytest.raises(KeyboardInterrupt):
        run(act.work())
    assert act.steps == ["began", "tidies up"]
    act.may_end.set()
    assert run(answer()) == "answer"


def test_an_iteration_that_is_broken_off_is_closed() -> None:
    """What it holds, like a connection, is let go of at once."""
    closed = []

    async def numbers():
        try:
            for number in range(10):
                yield number
        finally:
            closed.append(True)

    iteration = iterate(numbers())
    assert next(iteration) == 0
    iteration.close()
    assert closed == [True]


def test_what_blocks_leaves_the_loop_its_own_threads() -> None:
    """A connection that resolves a name gets a thread while many calls wait for an answer by it."""
    answered = threading.Event()

    async def relay() -> None:
        # As aiohttp does for each connection.
        await asyncio.get_running_loop().run_in_executor(None, answered.set)

    async def ask() -> list[bool]:
        asking = [in_thread(answered.wait, 30) for _ in range(20)]
        *told, _ = await asyncio.gather(*asking, relay())
        return told

    assert run(ask()) == [True] * 20


def test_a_thread_knows_the_context_of_its_caller() -> None:
    """And gets its arguments as they are."""
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")

    async def ask() -> tuple[str, tuple[int, int]]:
        variable.set("mine")
        return await in_thread(variable.get), await in_thread(lambda a, b: (a, b), 1, b=2)

    assert run(ask()) == ("mine", (1, 2))
