"""A stage for each test."""

from __future__ import annotations

import pytest

from tests.unit.watcher import stage as plays


@pytest.fixture(scope="session")
def certificate_dir(tmp_path_factory: pytest.TempPathFactory):
    """Make one certificate for all tests."""
    directory = tmp_path_factory.mktemp("certificate")
    plays.make_certificate(directory)
    return directory


@pytest.fixture
def stage(certificate_dir, tmp_path):
    """Open the stage."""
    with plays.playing(certificate_dir, tmp_path / "account") as made:
        yield made
