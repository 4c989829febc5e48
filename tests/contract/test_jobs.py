"""The promises of `JobGateway`, kept by its twin."""

from __future__ import annotations

import pytest

from rayspace.gateways.memory.jobs import MemoryJobs
from tests.contract.job_promises import JobPromises


class TestMemoryJobs(JobPromises):
    """The twin."""

    @pytest.fixture
    def gateway(self) -> MemoryJobs:
        """Have an empty namespace."""
        return MemoryJobs()
