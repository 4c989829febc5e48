"""A picture that is drawn again and again, while the cluster does not answer for a moment."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace

import pytest
from rich.console import Console

from rayspace.errors import GatewayUnavailableError
from rayspace.model.cluster_usage import ClusterUsage
from rayspace.present.times import clock_time
from rayspace.present.usage_live import show_frames

SEEN = ClusterUsage("train", "team-a", 1_767_225_600_000, ())
AWAY = GatewayUnavailableError("The head does not answer.", system="Ray", operation="list nodes")


def frames(*items):
    async def looks(interval_s):
        assert interval_s == 2.0
        for item in items:
            yield item

    return SimpleNamespace(looker=SimpleNamespace(looks=looks), interval_s=2.0)


def drawn(*items, is_terminal: bool) -> str:
    console = Console(file=io.StringIO(), width=100, force_terminal=is_terminal, color_system=None)
    show_frames(frames(*items), console, as_json=False)
    return console.file.getvalue()


def test_a_terminal_shows_what_was_seen_last_and_that_it_is_old():
    text = drawn(SEEN, AWAY, is_terminal=True)

    last = text[text.rindex("train on team-a") :]
    assert f"As of {clock_time(SEEN.read_ms)}: The head does not answer." in last


def test_nothing_is_called_old_once_it_answers_again():
    text = drawn(SEEN, AWAY, SEEN, is_terminal=True)

    assert "As of" not in text[text.rindex("train on team-a") :]


def test_a_file_has_a_line_of_why():
    lines = drawn(SEEN, AWAY, SEEN, is_terminal=False).splitlines()

    assert lines.count("The head does not answer.") == 1
    assert lines.count(clock_time(SEEN.read_ms)) == 2


@pytest.mark.parametrize("is_terminal", [True, False])
def test_json_has_looks_alone(capsys, is_terminal):
    console = Console(file=io.StringIO(), force_terminal=is_terminal)
    show_frames(frames(SEEN, AWAY, SEEN), console, as_json=True)

    out, err = capsys.readouterr()
    assert [json.loads(line)["name"] for line in out.splitlines()] == ["train", "train"]
    assert err == "The head does not answer.\n"
