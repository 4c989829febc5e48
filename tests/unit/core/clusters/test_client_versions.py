"""What Ray Client would only hang on is told before, in a sentence with a way out."""

from __future__ import annotations

import dataclasses

import pytest

from rayspace.core.clusters.client_versions import check_versions, require_standing
from rayspace.errors import PhaseError, VersionMismatchError
from rayspace.model.cluster import ClusterPhase
from tests.factories import a_cluster

FAR = a_cluster(name="far", namespace="team-a", python_version="3.11.2")
THEIRS = "Ray 2.60.0 on Python 3.11.2"
NEAR = dataclasses.replace(FAR, name="near", namespace="")


@pytest.mark.parametrize(
    ("ray_version", "python_version", "message", "hint"),
    [
        ("2.59.0", "3.11.9", "Here is Ray 2.59.0, the cluster 'far' has Ray 2.60.0.",
         "Install the same here: pip install 'ray[client]==2.60.0', or start one that fits:"),
        ("", "3.11.2", "Here is no Ray, the cluster 'far' has Ray 2.60.0.", "pip install"),
        ("2.60.0", "3.12.1",
         f"Here is {THEIRS.replace('3.11.2', '3.12.1')}, the cluster 'far' has {THEIRS}.",
         "submit works across versions"),
    ],
)  # fmt: skip
def test_both_sides_are_named_with_a_way_out(ray_version, python_version, message, hint) -> None:
    """On Kubernetes another cluster is one line away; its image is named."""
    with pytest.raises(VersionMismatchError) as caught:
        check_versions(FAR, "2.60.0", ray_version, python_version)
    assert caught.value.message == message
    assert hint in caught.value.hint
    minor = "".join(python_version.split(".")[:2])
    version = ray_version or "2.60.0"
    assert f"--image rayproject/ray:{version}-py{minor}" in caught.value.hint


def test_a_cluster_of_this_machine_is_not_given_another_image() -> None:
    """It has this machine's Ray, so the other Python is the kernel's."""
    with pytest.raises(VersionMismatchError) as caught:
        check_versions(NEAR, "2.60.0", "2.60.0", "3.12.1")
    assert caught.value.hint.startswith("Use the same minor version on both sides")
    with pytest.raises(VersionMismatchError) as caught:
        check_versions(NEAR, "2.60.0", "2.59.0", "3.11.2")
    assert caught.value.hint == "Install the same here: pip install 'ray[client]==2.60.0'"


@pytest.mark.parametrize("theirs", ["3.11.2", "3.11.14", ""])
def test_patches_of_python_and_an_unknown_one_pass(theirs) -> None:
    """Ray compares the minor version; what is not known is left to it."""
    cluster = dataclasses.replace(FAR, python_version=theirs)
    check_versions(cluster, "2.60.0", "2.60.0", "3.11.7")


@pytest.mark.parametrize(
    ("phase", "word"),
    [
        (ClusterPhase.SUSPENDED, "cluster resume far"),
        (ClusterPhase.QUEUED, "cluster why far"),
        (ClusterPhase.STARTING, "cluster why far"),
        (ClusterPhase.FAILED, "cluster why far"),
    ],
)
def test_a_cluster_without_a_head_is_not_waited_for(phase, word) -> None:
    """What to do next is said; a local one is asked itself."""
    cluster = dataclasses.replace(FAR, phase=phase)
    with pytest.raises(PhaseError, match=phase.value) as caught:
        require_standing(cluster)
    assert word in caught.value.hint
    require_standing(dataclasses.replace(cluster, namespace=""))
    require_standing(FAR)
