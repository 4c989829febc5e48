"""What `up` asks for: a profile, what was said on top of it, and what runs already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rayspace.core.cluster_spec import (
    MAX_WORKERS,
    Wishes,
    as_it_runs,
    cluster_spec,
    default_name,
    differences,
    workers_to_scale,
)
from rayspace.errors import QuantityError, UsageError
from rayspace.model.cluster import ClusterSpec, WorkerGroup
from rayspace.model.profile import NodeResources, Profile
from rayspace.names import is_safe_name
from tests.factories import a_cluster

LAPTOP = Profile("laptop")
RUNNING = ClusterSpec("c", "laptop", head=NodeResources(cpus=2), n_workers=0, env={"A": "1"})


class TestSpec:
    def test_wishes_go_to_the_head_where_there_are_no_workers(self):
        spec, _ = cluster_spec(LAPTOP, Wishes(cpus=2, memory="2GiB", gpus=1), "/p")
        assert spec.head == NodeResources(2, 2**31, 1)
        assert spec.worker == LAPTOP.worker
        spec, _ = cluster_spec(LAPTOP, Wishes(workers=1, cpus=2), "/p")
        assert (spec.head, spec.worker.cpus) == (LAPTOP.head, 2)

    def test_a_name_is_made_safe_and_told(self):
        spec, was = cluster_spec(LAPTOP, Wishes(name="My Cluster"), "/p")
        assert (spec.name, was) == ("my-cluster", "My Cluster")

    @pytest.mark.parametrize(
        "wishes",
        [
            Wishes(workers=MAX_WORKERS + 1),
            Wishes(workers=-1),
            Wishes(gpus=-1),
            Wishes(cpus=0),
            Wishes(cpus=float("nan")),
            Wishes(name=" "),
        ],
    )
    def test_what_no_cluster_can_be_is_refused(self, wishes):
        with pytest.raises(UsageError):
            cluster_spec(LAPTOP, wishes, "/p")

    def test_memory_needs_a_unit(self):
        with pytest.raises(QuantityError):
            cluster_spec(LAPTOP, Wishes(memory="8"), "/p")


class TestAsItRuns:
    def test_what_is_left_out_stays(self):
        asked = as_it_runs(RUNNING, Wishes(), "laptop")
        assert asked == RUNNING
        assert differences(asked, RUNNING) == []

    def test_what_is_said_counts(self):
        asked = as_it_runs(RUNNING, Wishes(cpus=4, env={"B": "2"}, dashboard_port=9000), None)
        assert differences(asked, RUNNING) == [
            "2 CPUs on its head, not 4 CPUs",
            "other values of the environment variables B",
            "its dashboard at another port than 9000",
        ]

    def test_resources_said_with_workers_are_the_workers(self):
        asked = as_it_runs(RUNNING, Wishes(workers=1, cpus=1), "laptop")
        assert differences(asked, RUNNING) == []
        asked = as_it_runs(RUNNING, Wishes(workers=1, memory="1GiB", gpus=2), "laptop")
        assert differences(asked, RUNNING) == [
            "no GPU on each worker, not 2 GPUs",
            "unlimited memory on each worker, not 1.0 GiB of memory",
        ]

    def test_another_profile_is_another_cluster(self):
        asked = as_it_runs(RUNNING, Wishes(), "small")
        assert differences(asked, RUNNING) == ["the profile laptop, not small"]
        assert differences(as_it_runs(RUNNING, Wishes(), None), RUNNING) == []

    def test_the_number_of_workers_and_the_project_do_not_count(self):
        asked = replace(RUNNING, n_workers=3, project="/elsewhere")
        assert differences(asked, RUNNING) == []


class TestDefaultName:
    def test_the_profiles_name_is_enough_for_the_first_project(self):
        assert default_name("laptop", "/a/one", {}, []) == "laptop"
        assert default_name("laptop", "/a/one", {"laptop": "/a/one"}, ["laptop"]) == "laptop"

    def test_other_projects_get_names_of_their_own(self):
        owners = {"laptop": "/a/one"}
        assert default_name("laptop", "/a/Two x", owners, []) == "laptop-two-x"
        owners["laptop-two-x"] = "/a/Two x"
        third = default_name("laptop", "/b/Two x", owners, [])
        assert third.startswith("laptop-two-x-")
        assert is_safe_name(third)
        owners[third] = "/b/Two x"
        assert default_name("laptop", "/c/Two x", owners, []) not in owners

    def test_a_project_keeps_its_cluster_when_the_plain_name_is_free_again(self):
        owners = {"laptop-two": "/a/two"}
        assert default_name("laptop", "/a/two", owners, ["laptop-two"]) == "laptop-two"

    def test_a_cluster_that_this_project_named_itself_is_another(self):
        assert default_name("laptop", "/a/two", {"mine": "/a/two"}, ["mine"]) == "laptop"

    @pytest.mark.parametrize("project", ["/", "", "/x" * 200, "/日本"])
    def test_any_folder_gives_a_safe_name(self, project):
        owners = {"laptop": "/other"}
        name = default_name("laptop", project, owners, [])
        assert is_safe_name(name)
        assert name != "laptop"


@pytest.mark.parametrize(
    ("has", "n_desired", "asked", "scaled"),
    [
        # By need: the bounds count, not how many Ray wants at the moment.
        ((0, 8), 3, (None, None), None),
        ((0, 8), 3, (0, 8), None),
        ((0, 8), 3, (0, 2), (0, 2)),
        ((0, 8), 3, (3, None), (3, None)),
        ((2, None), 2, (0, 2), (0, 2)),
        # A fixed number.
        ((2, None), 2, (2, None), None),
        ((2, None), 2, (3, None), (3, None)),
        ((2, None), 2, (None, None), None),
    ],
)
def test_workers_change_only_when_somebody_says_so(has, n_desired, asked, scaled):
    """A number, or bounds."""
    spec = replace(RUNNING, n_workers=has[0], max_workers=has[1])
    groups = (WorkerGroup("workers", n_desired, n_desired, n_desired),)
    state = a_cluster(spec=spec, groups=groups, namespace="team")
    assert workers_to_scale(state, *asked) == scaled
