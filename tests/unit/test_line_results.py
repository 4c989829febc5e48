"""What becomes of the value of a line, in cells as people write them."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell

from rayspace.line_results import Fate, fate_of_result

SHOWN, DROPPED, USED = Fate.SHOWN, Fate.DROPPED, Fate.USED


@pytest.fixture
def fates():
    """Run a cell and return what becomes of the value of each ``%value`` in it."""
    shell = InteractiveShell()
    found: list[Fate] = []

    def value(line: str) -> str:
        found.append(fate_of_result())
        return line

    shell.register_magic_function(value)  # type: ignore[call-arg]

    def call(cell: str, *, silent: bool = False) -> list[Fate]:
        assert shell.run_cell(cell, silent=silent).success
        return found

    return call


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("%value 1", [SHOWN]),
        ("%value 1\n", [SHOWN]),
        ("%value 1\n2", [DROPPED]),
        ("%value 1\n%value 2", [DROPPED, SHOWN]),
        ("x = %value 1", [USED]),
        ("x = %value 1\n%value 2\nx", [USED, DROPPED]),
        ("for i in range(2):\n    %value 1", [DROPPED, DROPPED]),
        ("if True:\n    x = %value 1", [USED]),
        ("def f():\n    %value 1\nf()", [DROPPED]),
        ("%time %value 1", [USED]),
        ("await __import__('asyncio').sleep(0)\n%value 1", [SHOWN]),
    ],
)
def test_what_becomes_of_a_value_is_known(fates, cell: str, expected: list[Fate], capsys) -> None:
    """The last line is shown by the shell, a name keeps a value, other lines drop theirs."""
    assert fates(cell) == expected


def test_a_script_shows_nothing_by_itself(fates) -> None:
    """IPython runs files silently: there every line drops its value."""
    assert fates("%value 1", silent=True) == [DROPPED]


def test_a_program_that_calls_without_a_shell_uses_the_value() -> None:
    """Nobody else would show it, and it was not asked for to be shown."""
    assert fate_of_result() is USED
