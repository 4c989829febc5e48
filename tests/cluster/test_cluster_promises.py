"""The promises of `ClusterGateway` and `HeadGateway`, kept by KubeRay on a real Kubernetes."""

from __future__ import annotations

import pytest
import pytest_asyncio

from rayspace.model.profile import NodeResources, PodOptions
from rayspace.model.progress import silent
from tests.cluster.conftest import made_namespace
from tests.cluster.images import RAY
from tests.cluster.test_product import Person

# Each of these is a promise of both contracts; those about one machine are left out.
from tests.contract.test_clusters import (  # noqa: F401
    Provider,
    spec,
    test_a_deleted_cluster_is_gone_and_its_name_free,
    test_a_job_runs_and_keeps_its_metadata,
    test_a_running_cluster_is_found_by_name_and_in_the_list,
    test_an_unknown_cluster_is_not_found,
    test_an_unknown_job_is_not_found,
    test_another_cluster_of_the_same_name_is_refused,
    test_asking_again_for_the_same_returns_the_running_one,
    test_following_a_log_ends_with_the_job,
    test_the_head_is_the_first_node,
    test_workers_come_and_go,
)


class KubeProvider(Provider):
    """KubeRay, in a namespace of the test cluster."""

    def __init__(self, person: Person) -> None:
        self.target = person.target
        super().__init__(
            person.app._kube_gateways[person.target],
            person.app.head,
            "sleep 600",
            'python -c "print(1)"',
        )

    def spec(self, name: str = "one", **changes):
        """Describe a small cluster, whose pods ask for little."""
        few = {"requests": {"cpu": "200m", "memory": "600Mi"}}
        groups = {"headGroupSpec": "ray-head"}
        overlay = {
            "spec": {
                key: {"template": {"spec": {"containers": [{"name": container, "resources": few}]}}}
                for key, container in groups.items()
            }
        }
        part = NodeResources(cpus=1, memory_bytes=3 * 2**29)
        pods = PodOptions(image=RAY, overlay=overlay)
        return spec(name, **{"head": part, "worker": part, "pods": pods, **changes})


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider(cluster, tmp_path_factory):
    """Start one cluster for all promises about a running one."""
    with made_namespace(cluster, "promises") as namespace:
        made = KubeProvider(Person(cluster, namespace, tmp_path_factory.mktemp("person")))  # type: ignore[abstract]  # two of its promises need no cluster
        await made.clusters.create(made.spec(), silent)
        await made.ready("one")
        yield made


pytestmark = pytest.mark.asyncio(loop_scope="module")
