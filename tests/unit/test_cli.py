"""Lines of the command that need no cluster: where --json may stand, and how each ends."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rayspace import cli
from rayspace.grammar import cluster_parser, job_parser, verbs_of
from tests.laboratory import notebook_json


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Work in an empty project with records of its own."""
    (tmp_path / ".rayspace").mkdir()
    (tmp_path / "train.ipynb").write_text(
        json.dumps(notebook_json("1", parameters="lr: float = 0.5"))
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RAYSPACE_STATE_DIR", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "80")
    return tmp_path


@pytest.fixture
def ended(project, capsys):
    """Run a line and return how it ended, and what it printed as JSON."""

    def call(*words: str) -> tuple[int, dict]:
        code = cli.main(words)
        out, err = capsys.readouterr()
        assert err == ""
        return code, json.loads(out)

    return call


@pytest.mark.parametrize(
    "words",
    [
        ["--json"],
        ["--json", "cluster"],
        ["cluster", "--json"],
        ["--json", "job"],
        ["--json", "--json"],
        ["--json", "nonsense"],
        ["--json", "cluster", "upp"],
        ["--json", "cluster", "status", "--nope"],
        ["cluster", "--json", "up", "--workers", "many"],
        ["job", "submit", "train.ipynb", "-p", "--json"],
    ],
)
def test_a_line_without_sense_is_a_usage_error_in_json(ended, words) -> None:
    """Nothing else is done instead, and the exit code says so."""
    code, error = ended(*words)
    assert code == 2
    assert set(error) == {"code", "message", "hint", "details"}
    assert error["code"] == "usage"
    assert error["hint"]


#: What each verb needs beside its name, to be refused for want of a cluster or a job.
_MORE = {
    "use": ["none"],
    "scale": ["--workers", "1"],
    "extend": ["2h"],
    "submit": ["train.ipynb"],
    "adopt": ["a"],
}


@pytest.mark.parametrize("place", [0, 1, 2], ids=["first", "before", "after"])
@pytest.mark.parametrize(
    ("noun", "verb"),
    [
        *(("cluster", v) for v in verbs_of(cluster_parser("")) if v not in {"up", "adopt"}),
        *(("job", verb) for verb in verbs_of(job_parser(""))),
    ],
)
def test_every_verb_answers_in_json_wherever_that_is_asked(ended, noun, verb, place) -> None:
    """An object with the listing, or an error with its four names."""
    words = [noun, verb, *_MORE.get(verb, [])]
    words.insert(place, "--json")
    code, answer = ended(*words)
    if verb in {"list", "profiles", "targets", "doctor"}:
        assert list(answer) in [["clusters"], ["jobs"], ["profiles"], ["targets"], ["checks"]]
        assert code in {0, 1}
    else:
        assert set(answer) == {"code", "message", "hint", "details"}
        assert code == 2


def test_a_value_that_looks_like_an_option_is_a_value(project, capsys) -> None:
    """Errors are for people then."""
    assert cli.main(["job", "submit", "train.ipynb", "-p", "lr", "--json"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("error: ")


def test_a_noun_alone_lists_for_people(project, capsys) -> None:
    """As the magics do."""
    assert cli.main(["cluster"]) == 0
    assert "rayspace cluster up laptop" in capsys.readouterr().out


def test_the_version_is_told(capsys) -> None:
    """Before anything else is looked at."""
    assert cli.main(["--version"]) == 0
    assert capsys.readouterr().out.startswith("rayspace ")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["job", "list"], 0, "There is no job yet"),
        (["job", "status"], 2, "There is no job yet"),
        (["job", "logs", "a"], 2, "There is no job 'a'"),
        (["job", "submit", "train.ipynb", "-p", "rate", "1"], 2, "rate"),
        (["job", "submit", "none.ipynb"], 2, "There is no notebook"),
        (["job", "submit", "train.ipynb", "--profile", "nope"], 2, "nope"),
        (["job", "submit", "train.ipynb"], 2, "There is no cluster"),
        (["job", "submit", "train.ipynb", "--deadline", "0s"], 2, "0s"),
    ],
)
def test_what_needs_no_tracking_server_loads_none_and_makes_no_database(
    project, words, code, said
) -> None:
    """Loading MLflow takes seconds; a look into a new project leaves nothing behind."""
    program = f"from rayspace.cli import main; code = main({words!r})\n"
    program += "import sys; assert 'mlflow' not in sys.modules; sys.exit(code)"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == code, done.stderr
    assert said in done.stdout + done.stderr
    assert not (project / "mlflow.db").exists()


def test_the_doctor_makes_no_database(ended, project) -> None:
    """It only looks."""
    _, answer = ended("doctor", "--json")
    (check,) = (check for check in answer["checks"] if check["name"] == "tracking")
    assert check["state"] == "ok"
    assert not (project / "mlflow.db").exists()


def test_a_script_is_told_how_it_can_run(ended, project) -> None:
    """Only notebooks are shipped; a cell may run a script."""
    (project / "helper.py").write_text("print(1)")
    code, error = ended("job", "submit", "helper.py", "--json")
    assert (code, error["code"]) == (2, "notebook_format")
    assert ".ipynb" in error["message"]
    assert "%run helper.py" in error["hint"]
