"""The promises of `JobGateway`, kept by a real Kubernetes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.cluster.test_product import Person
from tests.contract.job_promises import JobPromises

if TYPE_CHECKING:
    from rayspace.gateways.kube.jobs import KubeJobs


class TestKubeJobs(JobPromises):
    """A namespace of the test cluster."""

    @pytest.fixture
    def gateway(self, cluster, namespace, tmp_path) -> KubeJobs:
        """Have an empty namespace."""
        person = Person(cluster, namespace, tmp_path)
        return person.app._kube_gateways[person.target].jobs
