"""Trials of a sweep: what is typed, what it means, and what counts as the same."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.jobs.sweep import (
    MAX_TRIALS,
    sweep_key,
    sweep_values,
    trial_key,
    trial_name,
    trials_of,
)
from rayspace.core.jobs.sweep_apart import own_metrics
from rayspace.core.notebooks.parameter_types import parse_type
from rayspace.core.notebooks.parameter_values import fit_value
from rayspace.errors import UsageError


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("0.1,0.01", "float", [0.1, 0.01]),
        ("1, 2", "int", [1, 2]),
        ("1,2", "str", ["1", "2"]),
        ("adam,sgd", "str", ["adam", "sgd"]),
        ("[64, 32],[128]", "list", [[64, 32], [128]]),
        ("true,false", "bool", [True, False]),
        ('"a,b","c"', "str", ["a,b", "c"]),
        ("1e-3", "float", [0.001]),
    ],
)
def test_values_are_read_as_typed(text, kind, expected) -> None:
    """They take the type of their parameter, as one value does."""
    assert [fit_value(parse_type(kind), value) for value in sweep_values(text)] == expected


@given(
    st.dictionaries(
        st.text(min_size=1, max_size=5),
        st.lists(st.integers(), min_size=1, max_size=4, unique=True),
        min_size=1,
        max_size=4,
    )
)
def test_every_combination_is_one_trial(sweep) -> None:
    """None twice, none left out, each with a name and a key."""
    trials = trials_of(sweep)
    assert len(trials) == math.prod(len(values) for values in sweep.values())
    assert len({trial_key(trial) for trial in trials}) == len(trials)
    assert all(set(trial) == set(sweep) for trial in trials)
    assert all(0 < len(trial_name(trial)) <= 60 for trial in trials)


def test_the_last_parameter_changes_fastest() -> None:
    """As one reads a table."""
    trials = trials_of({"lr": [0.1, 0.01], "n": [1, 2]})
    assert trials[:2] == [{"lr": 0.1, "n": 1}, {"lr": 0.1, "n": 2}]
    assert trial_name(trials[0]) == "lr=0.1 n=1"
    assert trials_of({}) == []


@pytest.mark.parametrize(
    ("sweep", "words"),
    [
        ({"lr": []}, "no values"),
        ({"lr": [0.1, 0.1]}, "twice"),
        ({"a": list(range(100)), "b": list(range(11))}, "1100 trials"),
    ],
)
def test_a_sweep_that_can_not_be_is_refused(sweep, words) -> None:
    """With the way out."""
    with pytest.raises(UsageError, match=words) as caught:
        trials_of(sweep)
    assert caught.value.hint
    assert MAX_TRIALS < 1100


def test_sweeps_are_the_same_when_all_but_the_values_is() -> None:
    """More values of the same parameters are the same sweep; other files are not."""
    key = sweep_key("digest", "a.ipynb", {"n": 1}, ["lr"])
    assert key == sweep_key("digest", "a.ipynb", {"n": 1}, {"lr": [1, 2]})
    others = [
        sweep_key("other", "a.ipynb", {"n": 1}, ["lr"]),
        sweep_key("digest", "b.ipynb", {"n": 1}, ["lr"]),
        sweep_key("digest", "a.ipynb", {"n": 2}, ["lr"]),
        sweep_key("digest", "a.ipynb", {"n": 1}, ["lr", "m"]),
    ]
    assert key not in others
    assert len(set(others)) == len(others)
    assert json.loads(trial_key({"b": 1, "a": [1]})) == {"a": [1], "b": 1}


def test_a_table_of_trials_holds_what_the_notebook_logged():
    logged = {"loss": 0.5, "system/head/cpu": 1.0, "usage/gpu_hours_held": 2.0, "rayspace/x": 3.0}
    assert own_metrics(logged) == {"loss": 0.5}
