"""A database that is not there yet, which reading must not make."""

from __future__ import annotations

import pytest

from rayspace.errors import JobNotFoundError, MissingExtraError, StorageError
from rayspace.gateways.mlflow.errors import without_credentials
from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.model.run import Tag


@pytest.fixture
def database(tmp_path):
    return tmp_path / "new" / "mlflow.db"


@pytest.fixture
def runs(database):
    """Return a gateway to a database that nobody has made."""
    gateway = MlflowRunGateway(f"sqlite:///{database}", None)
    yield gateway
    gateway.close()


def test_looking_makes_no_database(runs, database) -> None:
    """Neither a list nor a check does."""
    assert runs.jobs() == []
    runs.check()
    assert not database.parent.exists()


def test_the_first_run_makes_it(runs, database) -> None:
    """And the same gateway finds the run."""
    assert runs.jobs() == []
    run = runs.create(experiment="e", name="n", tags={Tag.JOB: "n"}, params={})
    assert database.exists()
    assert [found.run_id for found in runs.jobs()] == [run.run_id]
    with pytest.raises(JobNotFoundError):
        runs.get("0" * 32)


def test_a_place_that_can_hold_none_is_told_by_the_check(tmp_path) -> None:
    """Before anything is started."""
    (tmp_path / "file").touch()
    with pytest.raises(StorageError):
        MlflowRunGateway(f"sqlite:///{tmp_path}/file/mlflow.db", None).check()


class _Nobody:
    """Knows no Python with all of MLflow."""

    def require(self) -> None:
        raise MissingExtraError("mlflow")

    def lend(self) -> str:
        raise AssertionError("Nobody lends what there is not.")


@pytest.mark.parametrize("lender", [None, _Nobody])
def test_where_nothing_reads_it_no_database_is_made(database, monkeypatch, lender) -> None:
    """The check says so before a cluster is started; and what lists goes on to find nothing."""
    monkeypatch.setattr("importlib.util.find_spec", lambda _name: None)
    runs = MlflowRunGateway(f"sqlite:///{database}", None, lender)
    with pytest.raises(MissingExtraError):
        runs.check()
    with pytest.raises(MissingExtraError):
        runs.create(experiment="e", name="n", tags={}, params={})
    assert not database.parent.exists()
    assert runs.jobs() == []


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("no way to postgresql://ada:sec/ret@db/runs", "no way to postgresql://db/runs"),
        ("https://token@host:8080/a and http://a:b@c", "https://host:8080/a and http://c"),
        # No login, but a path with a version in it.
        ("git+https://host/ada/train@v1", "git+https://host/ada/train@v1"),
        ("sqlite:////home/ada/a@b/mlflow.db", "sqlite:////home/ada/a@b/mlflow.db"),
    ],
)
def test_no_login_is_told(text, clean) -> None:
    """In whatever sentence an address stands."""
    assert without_credentials(text) == clean
