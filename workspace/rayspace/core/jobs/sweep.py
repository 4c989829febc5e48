"""Which trials a sweep has: values in, values out."""

from __future__ import annotations

import hashlib
import itertools
import json
from typing import TYPE_CHECKING, Any

from rayspace.errors import UsageError
from rayspace.model.parameter import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: More is for a tuner, which chooses its trials by what came of others. [1]
MAX_TRIALS = 1000
_NAME_CHARACTERS = 60


def sweep_values(text: str) -> list[object]:
    """Read the values of one parameter as they are typed: ``0.1,0.01`` or ``[64,32],[128]``.

    Parameters
    ----------
    text
        Values with commas between them; commas inside of brackets and quotes part nothing.

    Returns
    -------
    list
        The values: of JSON where all of them are, else as typed.
    """
    try:
        found = json.loads(f"[{text}]")
    except ValueError:
        return [Text(part.strip()) for part in text.split(",")]
    # A number keeps the form in which it was typed: its parameter may be a text.
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in found):
        return [Text(part.strip()) for part in text.split(",")]
    return list(found)


def trials_of(sweep: Mapping[str, Sequence[object]]) -> list[dict[str, object]]:
    """Return the trials of a sweep: every combination, the last parameter changing fastest.

    Parameters
    ----------
    sweep
        Values by parameter.

    Returns
    -------
    list of dict
        Parameters of each trial; none without a sweep.

    Raises
    ------
    UsageError
        If a parameter has no values or the same one twice, or there are too many trials.
    """
    if not sweep:
        return []
    n_trials = 1
    for name, values in sweep.items():
        if not values:
            raise UsageError(
                f"The sweep over {name!r} has no values.", hint=f"Write: --sweep {name} 0.1,0.01"
            )
        keys = [_key(value) for value in values]
        if len(set(keys)) != len(keys):
            raise UsageError(
                f"The sweep over {name!r} has a value twice.", hint="Give each value once."
            )
        n_trials *= len(values)
    if n_trials > MAX_TRIALS:
        raise UsageError(
            f"The sweep has {n_trials} trials.",
            hint=f"Give at most {MAX_TRIALS}, or search with Ray Tune inside of the notebook.",
        )
    names = list(sweep)
    return [dict(zip(names, values, strict=True)) for values in itertools.product(*sweep.values())]


def trial_name(trial: Mapping[str, object]) -> str:
    """Return how a trial is called: ``lr=0.1 layers=[64, 32]``."""
    text = " ".join(f"{name}={_shown(value)}" for name, value in trial.items())
    return text if len(text) <= _NAME_CHARACTERS else f"{text[: _NAME_CHARACTERS - 1]}…"


def trial_key(trial: Mapping[str, object]) -> str:
    """Return what is equal for equal trials, and for no others."""
    return json.dumps(trial, sort_keys=True, default=str)


def sweep_key(
    work_digest: str, notebook: str, fixed: Mapping[str, Any], names: Iterable[str]
) -> str:
    """Return what is equal for sweeps whose trials can be counted together.

    Parameters
    ----------
    work_digest
        Hash of what of the bundle runs.
    notebook
        Path of the notebook in it.
    fixed
        Values of parameters that are equal in all trials.
    names
        The parameters that are not.
    """
    text = json.dumps([work_digest, notebook, fixed, sorted(names)], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _key(value: object) -> str:
    return json.dumps(value, default=str)


def _shown(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, default=str)
