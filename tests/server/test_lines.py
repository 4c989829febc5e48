"""The line that a form offers does what the form would do."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace import grammar
from rayspace.line_words import words_of
from rayspace.server.lines import connect_cell, duration_text, submit_line, up_line
from rayspace.units import parse_duration

#: What people type in forms: also what a shell, or a magic, would look into.
TEXT = st.text(string.ascii_letters + string.digits + " '\"{}$\\#äß,=-._/", min_size=1, max_size=12)
NAME = st.text(string.ascii_lowercase, min_size=1, max_size=8)
COUNT = st.integers(0, 50)


def optional(values):
    return st.none() | values


UP = st.fixed_dictionaries(
    {"profile": NAME},
    optional={
        "name": NAME,
        "target": TEXT.filter(lambda text: not text.startswith("-")),
        "workers": optional(COUNT),
        "cpus": optional(st.sampled_from([0.5, 1, 2.0, 16])),
        "memory": st.sampled_from(["8GiB", "512 MiB"]),
        "gpus": optional(COUNT),
        "idle_s": optional(st.sampled_from([90, 1800.0, 7200, 0.5, 86399])),
        "env": st.dictionaries(NAME, TEXT, max_size=2),
        "settings": st.dictionaries(NAME, TEXT | COUNT | st.booleans(), max_size=2),
        "ready": st.sampled_from(["head", "min", "all"]),
        "force": st.booleans(),
    },
)


def read(line: str, parser):
    magic, _, rest = line.partition(" ")
    return grammar.parse(parser(magic), words_of(rest, {}))


@given(UP)
def test_a_line_starts_the_cluster_of_its_form(wish):
    args = read(up_line(wish), grammar.cluster_parser)

    assert args.verb == "up"
    assert args.profile == wish["profile"]
    for key in ("name", "target", "cpus", "memory", "gpus"):
        assert getattr(args, key) == wish.get(key)
    assert args.workers == (None if wish.get("workers") is None else (wish["workers"], None))
    assert args.idle == wish.get("idle_s")
    assert dict(args.env) == wish.get("env", {})
    assert dict(args.settings) == wish.get("settings", {})
    assert args.ready == wish.get("ready", "head")
    assert args.force == wish.get("force", False)


@given(
    st.dictionaries(NAME, TEXT | COUNT | st.booleans() | st.lists(COUNT, max_size=3), max_size=3),
    optional(st.sampled_from([60, 3600, 5400.0])),
    st.lists(TEXT.filter(lambda text: not text.startswith("-")), max_size=2),
)
def test_a_line_ships_the_notebook_of_its_form(parameters, deadline_s, include):
    wish = {
        "path": "a b/train it.ipynb",
        "parameters": parameters,
        "deadline_s": deadline_s,
        "include": include,
    }

    args = read(submit_line(wish), grammar.job_parser)

    assert args.notebook == "train it.ipynb"
    assert args.deadline == deadline_s
    assert args.include == include
    given_values = dict(args.param)
    assert given_values.keys() == parameters.keys()
    for name, value in parameters.items():
        if isinstance(value, str):
            assert given_values[name] == value


@pytest.mark.parametrize(
    ("wish", "line"),
    [
        ({}, "%ray_cluster up laptop"),
        (
            {"profile": "cpu-small", "target": "team-a", "workers": 2, "max_workers": 8},
            "%ray_cluster up cpu-small --on team-a --workers 2:8",
        ),
        ({"profile": "p", "idle_s": 1800, "force": True}, "%ray_cluster up p --idle 30m --force"),
    ],
)
def test_lines_are_short(wish, line):
    assert up_line(wish) == line


def test_a_sweep_is_written_as_it_is_typed():
    wish = {"path": "t.ipynb", "sweep": {"lr": [0.1, 0.01], "opt": ["adam", "sgd"]}}

    assert submit_line(wish) == "%ray_job submit t.ipynb --sweep lr 0.1,0.01 --sweep opt adam,sgd"


def test_switches_are_written_where_they_are_set():
    wish = {"path": "t.ipynb", "again": True, "force": True}

    assert submit_line(wish) == "%ray_job submit t.ipynb --again --force"
    assert submit_line({"path": "t.ipynb", "force": False}) == "%ray_job submit t.ipynb"


def test_a_cell_connects_to_one_cluster_and_no_other():
    cell = connect_cell("train", "far/away $x")

    assert cell.splitlines()[0] == "%load_ext rayspace"
    words = words_of(cell.splitlines()[1].partition(" ")[2], {})
    assert words == ["use", "train", "--on", "far/away $x"]


@given(st.integers(1, 10**7) | st.floats(0.01, 10**6, allow_nan=False))
def test_durations_are_read_as_they_were_meant(duration_s):
    assert parse_duration(duration_text(duration_s)) == pytest.approx(duration_s, rel=1e-6)
