"""What is changed about a RayJob that is being stopped, so that its cluster ends with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rayspace.core.jobs.ray_job import changes_for_a_stop
from rayspace.core.jobs.ray_job_verdict import is_kept
from rayspace.model.job import LivePhase
from rayspace.model.ray_job import RayJobStage, RayJobState

GOLDEN = Path(__file__).parents[3] / "golden" / "manifests"


def test_rules_give_way_to_a_time() -> None:
    """KubeRay takes one of both only, and its rules know no stop."""
    job = yaml.safe_load((GOLDEN / "job.yaml").read_text())
    assert "shutdownAfterJobFinishes" not in job["spec"]
    changed = changes_for_a_stop(job)["spec"]
    assert changed == {
        "deletionStrategy": None,
        "shutdownAfterJobFinishes": True,
        "ttlSecondsAfterFinished": 30,
    }


def test_what_ends_in_time_anyway_stays_as_it_is() -> None:
    """As in a queue, or where an administrator wants clusters to end sooner."""
    spec = {"shutdownAfterJobFinishes": True, "ttlSecondsAfterFinished": 10}
    assert changes_for_a_stop({"spec": spec}) == {}


@pytest.mark.parametrize("stage", RayJobStage)
@pytest.mark.parametrize("word", [None, *LivePhase])
@pytest.mark.parametrize("is_ending", [False, True])
def test_only_what_ray_stopped_is_kept_for_good(stage, word, is_ending) -> None:
    """Other ends have rules, and what is being deleted goes."""
    job = RayJobState("train-x", "uid", stage, word, is_ending=is_ending)
    has_stopped = (stage, word) == (RayJobStage.COMPLETE, LivePhase.STOPPED)
    assert is_kept(job) == (has_stopped and not is_ending)
