"""The verbs, as every door reads them."""

from __future__ import annotations

import pytest

from rayspace.completion import complete
from rayspace.errors import QuantityError, UsageError
from rayspace.grammar import HelpRequested, cluster_parser, job_parser, parse, verbs_of
from rayspace.submit_options import submit_options
from rayspace.verbs import CLUSTER_VERBS, JOB_VERBS

CLUSTER, JOB = cluster_parser("%ray_cluster"), job_parser("%ray_job")


def test_every_verb_of_the_grammar_is_done_by_somebody() -> None:
    """Grammar and functions have the same verbs."""
    assert set(verbs_of(CLUSTER)) == set(CLUSTER_VERBS)
    assert set(verbs_of(JOB)) == set(JOB_VERBS)


def test_every_verb_takes_json_before_and_after_it() -> None:
    """--json may stand anywhere."""
    for verb in verbs_of(CLUSTER):
        more = {"use": ["x"], "scale": ["--workers", "1"], "extend": ["2h"]}
        words = [verb, *more.get(verb, [])]
        assert parse(CLUSTER, [*words, "--json"]).json
        assert parse(CLUSTER, ["--json", *words]).json
        assert not parse(CLUSTER, words).json


def test_no_verb_is_list() -> None:
    """`%ray_cluster` alone lists."""
    assert parse(CLUSTER, []).verb == "list"
    assert parse(JOB, ["--json"]).verb == "list"


def test_cancel_is_stop() -> None:
    """Habits of other tools are met."""
    assert parse(JOB, ["cancel", "train-x"]).verb == "stop"


@pytest.mark.parametrize("value", ["-0.1", "-1e-3", "--deep", "", "a b", "-p"])
def test_a_parameter_may_have_any_value(value: str) -> None:
    """A value that begins with a dash is a value."""
    args = parse(JOB, ["submit", "a.ipynb", "-p", "lr", value, "--wait"])
    assert args.param == [("lr", value)]
    assert args.wait


def test_clusters_and_jobs_are_forced_by_the_same_word() -> None:
    """Which does the same for both."""
    for words, is_forced in (([], False), (["--force"], True)):
        assert parse(CLUSTER, ["up", *words]).force is is_forced
        args = parse(JOB, ["submit", "a.ipynb", *words])
        assert submit_options(args, None)["force"] is is_forced


def test_durations_are_read_with_their_units() -> None:
    """Limits come as seconds."""
    args = parse(JOB, ["submit", "a.ipynb", "--deadline", "2h", "--cell-timeout", "90s"])
    assert (args.deadline, args.cell_timeout) == (7200.0, 90.0)


@pytest.mark.parametrize(
    ("parser", "words", "hint"),
    [
        (JOB, ["sumbit"], "submit"),
        (CLUSTER, ["upp"], "up"),
        (JOB, ["submit", "a.ipynb", "--clster", "x"], "--cluster"),
        (JOB, ["submit", "a.ipynb", "-p", "lr"], "-p lr 0.1"),
        (CLUSTER, ["up", "--workers", "many"], "--help"),
        (CLUSTER, ["up", "--env", "novalue"], "--help"),
        (CLUSTER, ["list", "-p", "a", "1"], "--help"),
        (CLUSTER, ["scale"], "--help"),
    ],
)
def test_a_slip_is_answered_with_what_was_meant(parser, words, hint) -> None:
    """A wrong line raises, and its hint leads on."""
    with pytest.raises(UsageError) as caught:
        parse(parser, words)
    assert hint in caught.value.hint


def test_a_duration_without_unit_is_refused() -> None:
    """`--deadline 10` could be anything."""
    with pytest.raises(QuantityError):
        parse(JOB, ["submit", "a.ipynb", "--deadline", "10"])


def test_help_says_what_a_verb_takes() -> None:
    """--help of a verb lists its options and an example."""
    with pytest.raises(HelpRequested) as caught:
        parse(JOB, ["submit", "--help"])
    text = str(caught.value)
    assert "--params-file FILE" in text
    assert "%ray_job submit train.ipynb -p lr 0.1" in text


def test_a_value_may_be_the_word_for_help() -> None:
    """Only what stands for itself asks for help, or comes before the pair is whole."""
    args = parse(JOB, ["submit", "a.ipynb", "-p", "text", "--help"])
    assert args.param == [("text", "--help")]
    with pytest.raises(HelpRequested):
        parse(JOB, ["submit", "a.ipynb", "-p", "--help"])
    with pytest.raises(HelpRequested):
        parse(JOB, ["submit", "a.ipynb", "-p", "text", "1", "-h"])


def names(kind: str) -> list[str]:
    return {"cluster": ["laptop", "lab"], "job": ["train-x7k2p"], "profile": ["laptop"]}.get(
        kind, []
    )


@pytest.mark.parametrize(
    ("parser", "text", "expected"),
    [
        (CLUSTER, "", sorted(CLUSTER_VERBS)),
        (CLUSTER, "sta", ["status"]),
        (CLUSTER, "up --gp", ["--gpu-type", "--gpus"]),
        (CLUSTER, "up ", ["laptop"]),
        (CLUSTER, "up --ready ", ["all", "head", "min"]),
        (CLUSTER, "status l", ["lab", "laptop"]),
        (CLUSTER, "status --json l", ["lab", "laptop"]),
        (CLUSTER, "nonsense ", []),
        (JOB, "logs -f tr", ["train-x7k2p"]),
        (JOB, "cancel ", ["train-x7k2p"]),
        (JOB, "submit --cluster la", ["lab", "laptop"]),
        (JOB, "submit a.ipynb --profile ", ["laptop"]),
        (JOB, "submit a.ipynb -p lr 0.1 --de", ["--deadline"]),
        (JOB, 'submit "open quote --dea', ["--deadline"]),
    ],
)
def test_completion_offers_what_may_come_next(parser, text, expected) -> None:
    """Verbs, options and names, each where it belongs."""
    assert complete(parser, text, names) == expected


def test_completion_offers_notebooks_and_folders(tmp_path, monkeypatch) -> None:
    """After submit come notebooks, and folders on the way to them."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "train.ipynb").touch()
    (tmp_path / "train.py").touch()
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "other.ipynb").touch()
    assert complete(JOB, "submit ", names) == ["deep/", "train.ipynb"]
    assert complete(JOB, "submit deep/o", names) == ["deep/other.ipynb"]
