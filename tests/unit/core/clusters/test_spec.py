"""What `up` asks for: a profile, what was said on top of it, and what runs already."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rayspace.core.clusters.spec import (
    MAX_WORKERS,
    as_it_runs,
    cluster_spec,
    default_name,
    differences,
    workers_to_scale,
)
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.clusters.worker_groups import scaled
from rayspace.errors import QuantityError, UsageError
from rayspace.model.cluster import ClusterSpec, WorkerGroup
from rayspace.model.profile import GroupSpec, NodeResources, Profile
from rayspace.names import is_safe_name
from tests.factories import a_cluster

LAPTOP = Profile("laptop")
TRAIN = GroupSpec("train", 2, NodeResources(cpus=8, gpus=1))
INFER = GroupSpec("infer", 0, NodeResources(cpus=4, gpus=1), 4)
RUNNING = ClusterSpec("c", "laptop", head=NodeResources(cpus=2), n_workers=0, env={"A": "1"})


class TestSpec:
    def test_wishes_go_to_the_head_where_there_are_no_workers(self):
        spec, _ = cluster_spec(LAPTOP, Wishes(cpus=2, memory="2GiB", gpus=1), "/p")
        assert spec.head == NodeResources(2, 2**31, 1)
        assert spec.worker == LAPTOP.worker
        spec, _ = cluster_spec(LAPTOP, Wishes(workers=1, cpus=2), "/p")
        assert (spec.head, spec.worker.cpus) == (LAPTOP.head, 2)

    @pytest.mark.parametrize(
        ("profile", "wishes"),
        [
            (Profile("auto", max_workers=8), Wishes(cpus=4, memory="1GiB", gpus=1, gpu_type="T")),
            (LAPTOP, Wishes(workers=0, max_workers=8, cpus=4, memory="1GiB", gpus=1, gpu_type="T")),
        ],
    )
    def test_wishes_go_to_workers_that_come_by_need(self, profile, wishes):
        spec, _ = cluster_spec(profile, wishes, "/p")
        assert (spec.n_workers, spec.max_workers) == (0, 8)
        assert spec.worker == NodeResources(4, 2**30, 1, gpu_type="T")
        assert spec.head == profile.head

    def test_wishes_go_to_the_one_group_of_a_profile(self):
        profile = Profile("one", head=NodeResources(cpus=0), more_groups=(INFER,))
        spec, _ = cluster_spec(profile, Wishes(gpus=2), "/p")
        assert spec.groups == (GroupSpec("infer", 0, NodeResources(cpus=4, gpus=2), 4),)
        assert spec.head == profile.head
        spec, _ = cluster_spec(profile, Wishes(workers=3), "/p")
        assert spec.groups == (GroupSpec("infer", 3, INFER.worker),)
        spec, _ = cluster_spec(profile, Wishes(workers=1, max_workers=2), "/p")
        assert spec.groups == (GroupSpec("infer", 1, INFER.worker, 2),)

    @pytest.mark.parametrize(
        ("wishes", "flag"),
        [
            (Wishes(workers=3), "--workers"),
            (Wishes(workers=0), "--workers"),
            (Wishes(cpus=1), "--cpus"),
            (Wishes(memory="1GiB"), "--memory"),
            (Wishes(gpus=2, cpus=1), "--cpus"),
            (Wishes(gpus=2), "--gpus"),
            (Wishes(gpu_type="T"), "--gpu-type"),
        ],
    )
    @pytest.mark.parametrize(
        ("profile", "names"),
        [
            (Profile("multi", more_groups=(TRAIN, INFER)), ["train", "infer"]),
            (Profile("mixed", n_workers=1, more_groups=(TRAIN,)), ["workers", "train"]),
        ],
    )
    def test_of_several_groups_none_is_guessed(self, profile, names, wishes, flag):
        with pytest.raises(UsageError, match=f"{flag} does not say which") as caught:
            cluster_spec(profile, wishes, "/p")
        assert caught.value.details["groups"] == names
        assert ", ".join(names) in caught.value.message
        assert ".rayspace/profiles" in caught.value.hint
        assert ("--set" in caught.value.hint) == (flag == "--workers")

    def test_several_groups_are_as_their_profile_says(self):
        profile = Profile("multi", n_workers=1, more_groups=(TRAIN, INFER))
        spec, _ = cluster_spec(profile, Wishes(image="i", queue="q"), "/p")
        assert spec.groups == (GroupSpec("workers", 1, profile.worker), TRAIN, INFER)

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
            Wishes(cpus=float("inf")),
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

    def test_resources_of_workers_that_come_by_need_are_the_workers(self):
        running = replace(RUNNING, max_workers=4)
        asked = as_it_runs(running, Wishes(cpus=4), "laptop")
        assert differences(asked, running) == ["1 CPU on each worker, not 4 CPUs"]
        asked = as_it_runs(RUNNING, Wishes(workers=0, max_workers=2, cpus=1), "laptop")
        assert asked == RUNNING

    def test_the_one_group_of_a_cluster_is_its_workers(self):
        running = replace(RUNNING, more_groups=(INFER,))
        assert as_it_runs(running, Wishes(workers=3), "laptop") == running
        assert as_it_runs(running, Wishes(gpus=1, cpus=4), "laptop") == running
        asked = as_it_runs(running, Wishes(gpus=2), "laptop")
        assert differences(asked, running) == ["other groups of workers"]
        fewer = replace(running, more_groups=(replace(INFER, n_workers=1, max_workers=2),))
        assert differences(fewer, running) == []

    def test_another_profile_is_another_cluster(self):
        asked = as_it_runs(RUNNING, Wishes(), "small")
        assert differences(asked, RUNNING) == ["the profile laptop, not small"]
        assert differences(as_it_runs(RUNNING, Wishes(), None), RUNNING) == []

    def test_the_number_of_workers_and_the_project_do_not_count(self):
        asked = replace(RUNNING, n_workers=3, project="/elsewhere")
        assert differences(asked, RUNNING) == []


def test_a_group_is_scaled_by_its_name():
    """One that no profile named is the cluster's own."""
    spec = replace(RUNNING, more_groups=(TRAIN, INFER))
    assert scaled(spec, "infer", 1, 3).more_groups == (
        TRAIN,
        replace(INFER, n_workers=1, max_workers=3),
    )
    assert scaled(spec, "infer", 1, 3).n_workers == 0
    own = scaled(spec, "workers", 5, None)
    assert (own.n_workers, own.more_groups) == (5, spec.more_groups)


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
