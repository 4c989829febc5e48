"""A database that is not there yet, which reading must not make."""

from __future__ import annotations

import pytest

from rayspace.errors import JobNotFoundError, StorageError
from rayspace.gateways.mlflow import MlflowRunGateway
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
