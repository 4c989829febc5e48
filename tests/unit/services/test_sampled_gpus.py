"""What a submission says of sampling: from the settings and the profile to the runner's order."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from rayspace.app import App
from rayspace.config import load_settings
from rayspace.core.jobs.wishes import asked_gpus, gpus_of_cluster
from rayspace.errors import SettingsError, UsageError
from rayspace.grammar import job_parser, parse
from rayspace.model.job import JobOrder
from rayspace.model.measurement import GpuChoice
from rayspace.model.profile import PodOptions, Profile
from rayspace.model.run import Artifact
from rayspace.model.submission import JobDefaults
from tests.unit.services.test_jobs import NOTEBOOK, Profiles
from tests.unit.services.test_kubernetes_jobs import World


def _settings(folder, **values):
    path = folder / ".rayspace" / "config.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"Rayspace": values}), "utf-8")
    return load_settings(folder, {})


def test_all_gpus_are_told_of_unless_the_settings_say_otherwise(tmp_path):
    assert _settings(tmp_path).gpu_choice is GpuChoice.ALL
    assert _settings(tmp_path, sampled_gpus="mine").gpu_choice is GpuChoice.MINE
    environ = {"RAYSPACE_STATE_DIR": str(tmp_path)}
    assert App(tmp_path, environ)._job_defaults().sampled_gpus is GpuChoice.MINE
    inside = App(tmp_path, {**environ, "RAYSPACE_RUN_ID": "a" * 32})
    assert inside._job_defaults().sampled_gpus is GpuChoice.MINE
    with pytest.raises(SettingsError, match="sampled_gpus"):
        _settings(tmp_path, sampled_gpus="some")


def test_a_choice_of_a_newer_submitter_tells_of_all():
    order = JobOrder("train-1", "train.ipynb", "bundle")
    assert order.gpu_choice is GpuChoice.ALL
    assert replace(order, sampled_gpus="mine").gpu_choice is GpuChoice.MINE
    assert replace(order, sampled_gpus="half").gpu_choice is GpuChoice.ALL


class _Priced(Profiles):
    def get(self, name: str, also=()) -> Profile:
        return Profile(name, pods=PodOptions(price_per_hour=2.5))


@pytest.mark.parametrize(("profiles", "price"), [(Profiles, None), (_Priced, 2.5)])
async def test_the_order_says_which_gpus_and_what_a_worker_costs(
    tmp_path, monkeypatch, profiles, price
):
    monkeypatch.setattr("tests.unit.services.test_kubernetes_jobs.Profiles", profiles)
    (tmp_path / ".rayspace").mkdir()
    notebook = tmp_path / "train.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK))
    world = World(tmp_path)
    defaults = JobDefaults("exp", 5.0, sampled_gpus=GpuChoice.MINE)
    world.jobs._orders._defaults = defaults
    job = await world.jobs.submit(notebook, target="team-a")
    path = world.runs.download(job.run_id, Artifact.ORDER, tmp_path / "there")
    order = json.loads(path.read_text("utf-8"))
    assert (order["sampled_gpus"], order["price_per_hour"]) == ("mine", price)


class _Shared(Profiles):
    def get(self, name: str, also=()) -> Profile:
        return Profile(name, env={"RAYSPACE_SAMPLED_GPUS": "mine"})


@pytest.mark.parametrize(
    ("profiles", "asked", "told"),
    [
        (Profiles, {}, "all"),
        (Profiles, {"sampled_gpus": "mine"}, "mine"),
        (_Shared, {}, "mine"),
        (_Shared, {"sampled_gpus": "all"}, "all"),
    ],
    ids=["settings", "line", "cluster", "line before cluster"],
)
async def test_the_line_counts_more_than_the_cluster_and_that_more_than_the_settings(
    tmp_path, monkeypatch, profiles, asked, told
):
    monkeypatch.setattr("tests.unit.services.test_kubernetes_jobs.Profiles", profiles)
    (tmp_path / ".rayspace").mkdir()
    notebook = tmp_path / "train.ipynb"
    notebook.write_text(json.dumps(NOTEBOOK))
    world = World(tmp_path)
    job = await world.jobs.submit(notebook, target="team-a", **asked)
    path = world.runs.download(job.run_id, Artifact.ORDER, tmp_path / "there")
    assert json.loads(path.read_text("utf-8"))["sampled_gpus"] == told


def test_a_line_says_which_gpus_and_a_word_that_is_none_is_refused():
    args = parse(job_parser(""), ["submit", "a.ipynb", "--sampled-gpus", "mine"])
    assert args.sampled_gpus == "mine"
    assert asked_gpus(None) is None
    with pytest.raises(UsageError, match="some"):
        asked_gpus("some")
    # A cluster of a newer version may say what is not known here.
    assert gpus_of_cluster({"RAYSPACE_SAMPLED_GPUS": "half"}) is None
