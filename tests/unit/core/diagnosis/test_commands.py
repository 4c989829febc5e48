"""The commands in hints: typed as they are printed, they do what is said of them."""

from __future__ import annotations

import dataclasses
import re
import shlex
from typing import TYPE_CHECKING

import pytest

from rayspace.core.diagnosis.diagnose import diagnose
from rayspace.grammar import cluster_parser
from tests.unit.core.diagnosis.snapshots import (
    a_pod,
    a_snapshot,
    golden,
    golden_names,
    only,
    waiting,
)

if TYPE_CHECKING:
    from rayspace.model.snapshot import ClusterSnapshot

#: A command stands in backticks, or ends its hint.
COMMAND = re.compile(r"`(rayspace [^`]+)`|(rayspace cluster [^`]*)$")
#: What a person puts in the place of each.
MEANT = {"N": "2", "SIZE": "8GiB", "IMAGE": "ray:1", "Q": "q", "T": "L4", "NAMESPACE": "n"}
#: Verbs that concern no cluster that is there.
OF_ALL = {"list", "targets"}


def made_by_us(snapshot: ClusterSnapshot) -> ClusterSnapshot:
    """Return a recorded cluster as if it were made of a profile, in a target of two words."""
    cluster = snapshot.ray_cluster
    if cluster is not None:
        metadata = cluster["metadata"]
        labels = {**metadata.get("labels", {}), "rayspace.dev/profile": "gpu-small"}
        cluster = {**cluster, "metadata": {**metadata, "labels": labels}}
    return dataclasses.replace(snapshot, ray_cluster=cluster, target="my prod")


def commands(hint: str) -> list[list[str]]:
    """Return the words of each command in a hint, as a person would type them."""
    found = [one or other for one, other in COMMAND.findall(hint)]
    return [[MEANT.get(word, word) for word in shlex.split(line)] for line in found]


@pytest.mark.parametrize("name", golden_names())
def test_the_commands_of_a_hint_are_whole(name: str) -> None:
    """They are of the grammar, name the target, and start what was started before."""
    snapshot = made_by_us(golden(name)[0])
    for problem in diagnose(snapshot):
        lines = commands(problem.hint)
        assert problem.hint.count("rayspace ") == len(lines)
        for line in lines:
            args = cluster_parser("").parse_args(line[2:])
            if args.verb in OF_ALL:
                continue
            assert (args.name, args.target) == (snapshot.name, "my prod")
            if args.verb == "up":
                assert args.profile == "gpu-small"


def test_a_cluster_that_can_be_used_is_ended_first() -> None:
    """By force only one that is not ready is replaced."""
    failing = waiting("ray-head", "InvalidImageName")
    head = a_pod(ready=False, phase="Pending", statuses=[failing])
    hint = only(a_snapshot(pods=(head, a_pod("worker"))), "image_name_invalid").hint
    (line,) = commands(hint)
    assert shlex.join(line) == ("rayspace cluster up p --name c --image ray:1 --on prod --force")
    failing = waiting("ray-worker", "InvalidImageName")
    worker = a_pod("worker", ready=False, phase="Pending", statuses=[failing])
    hint = only(a_snapshot(pods=(a_pod(), worker)), "image_name_invalid").hint
    assert [shlex.join(line) for line in commands(hint)] == [
        "rayspace cluster down c --on prod",
        "rayspace cluster up p --name c --image ray:1 --on prod",
    ]


def test_a_cluster_of_no_profile_is_left_to_who_made_it() -> None:
    """Nothing of ours is applied over it."""
    failing = waiting("ray-head", "InvalidImageName")
    head = a_pod(ready=False, phase="Pending", statuses=[failing])
    cluster = {"metadata": {"name": "c"}, "status": {"observedGeneration": 1}}
    hint = only(a_snapshot(ray_cluster=cluster, pods=(head,)), "image_name_invalid").hint
    assert hint.endswith(": kubectl replace --force -n team-a -f MANIFEST")
