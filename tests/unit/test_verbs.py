"""What verbs do before services are asked, and what they tell meanwhile."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from rayspace.errors import PhaseError
from rayspace.gateways.system_clock import SystemClock
from rayspace.grammar import cluster_parser, job_parser, parse, verbs_of
from rayspace.model.cluster import ClusterPhase
from rayspace.model.problem import Owner, Problem
from rayspace.model.progress import Stage, silent
from rayspace.verbs import CLUSTER_VERBS, JOB_VERBS, Lines, perform
from tests.factories import a_cluster


class Clusters:
    """A cluster that starts."""

    async def status(self, name: str | None, *, target: str | None = None) -> object:
        return a_cluster(phase=ClusterPhase.STARTING)


async def test_nodes_of_a_cluster_that_starts_are_not_asked_for() -> None:
    """It does not answer yet; that is no failure of Ray."""
    app = SimpleNamespace(clusters=Clusters())
    with pytest.raises(PhaseError) as caught:
        await perform(CLUSTER_VERBS, app, parse(cluster_parser(""), ["nodes"]), silent)
    assert "still starting" in caught.value.message
    assert "rayspace cluster status laptop" in caught.value.hint


class Explained:
    """A cluster of which a look at its pods tells only half."""

    def __init__(self, code: str) -> None:
        self.code = code

    def _state(self, summary: str) -> object:
        problem = Problem(self.code, summary, "Wait.", Owner.YOU)
        return a_cluster(target="prod", reason=summary, problems=(problem,))

    async def status(self, name: str | None, *, target: str | None) -> object:
        return self._state("It can't be placed yet.")

    async def why(self, name: str, *, target: str) -> object:
        assert target == "prod"
        return self._state("It can't be placed: the largest node has 4 GPUs.")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("unschedulable_gpu", "It can't be placed: the largest node has 4 GPUs."),
        ("image_not_found", "It can't be placed yet."),
    ],
)
async def test_the_status_of_a_cluster_says_no_less_than_why(code, reason) -> None:
    """All is read where that tells more, and only there."""
    app = SimpleNamespace(clusters=Explained(code))
    state = await perform(CLUSTER_VERBS, app, parse(cluster_parser(""), ["status"]), silent)
    assert state.reason == reason


class AskedError(Exception):
    """The service was asked."""


class Jobs:
    """Raises whatever it is asked."""

    def __getattr__(self, name: str):
        raise AskedError


@pytest.mark.parametrize(
    ("uri", "text"),
    [
        ("sqlite:////project/mlflow.db", "Opening the tracking database"),
        ("https://mlflow.example.org", "Asking the tracking server"),
    ],
)
@pytest.mark.parametrize("verb", [v for v in verbs_of(job_parser("")) if v != "submit"])
async def test_a_job_verb_says_at_once_what_takes_time(verb, uri, text) -> None:
    """Before the service is asked."""
    told: list[Stage] = []
    app = SimpleNamespace(jobs=Jobs(), tracking_uri=uri)
    with pytest.raises(AskedError):
        await perform(JOB_VERBS, app, parse(job_parser(""), [verb]), told.append)
    assert told == [Stage("tracking", text, is_passing=True)]


class Far:
    """A target's cluster, that is ready; notes where each call was meant to go."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, object]] = []

    def __getattr__(self, verb: str):
        async def call(*args: object, target: str | None = None, **options: object) -> object:
            self.asked.append((verb, target))
            return [] if verb == "nodes" else a_cluster(target="team-a")

        async def lines(*args: object, target: str | None = None, **options: object):
            self.asked.append((verb, target))
            yield "Ray runtime started."

        return lines if verb == "logs" else call


#: What each verb needs beside a name.
_MORE = {"scale": ["--workers", "1"], "extend": ["2h"]}
_ABOUT_ONE = (
    "status", "why", "nodes", "gpus", "suspend", "resume", "extend", "use", "logs", "scale", "down",
)  # fmt: skip


@pytest.mark.parametrize("verb", _ABOUT_ONE)
async def test_what_is_about_one_cluster_can_be_told_where(verb) -> None:
    """Each call that a verb makes is about that place."""
    clusters = Far()
    app = SimpleNamespace(clusters=clusters, clock=SystemClock())
    words = [verb, *_MORE.get(verb, []), "cpu-small", "--on", "team-a"]
    result = await perform(CLUSTER_VERBS, app, parse(cluster_parser(""), words), silent)
    if isinstance(result, Lines):
        assert [line async for line in result.pieces] == ["Ray runtime started."]
    assert clusters.asked
    assert {target for _, target in clusters.asked} == {"team-a"}


@pytest.mark.parametrize("verb", ["nodes", "logs", "gpus"])
async def test_a_look_stays_where_the_cluster_was_found(verb) -> None:
    """One of its name elsewhere is another."""
    clusters = Far()
    app = SimpleNamespace(clusters=clusters, clock=SystemClock())
    args = parse(cluster_parser(""), [verb])
    result = await perform(CLUSTER_VERBS, app, args, silent)
    if isinstance(result, Lines):
        assert [line async for line in result.pieces]
    assert clusters.asked[0] == ("status", None)
    assert {target for _, target in clusters.asked[1:]} == {"team-a"}


@pytest.mark.parametrize("verb", _ABOUT_ONE)
async def test_a_context_that_is_new_is_known_to_who_is_asked(verb) -> None:
    """Services that were made before it was named do not know it."""
    app = SimpleNamespace(clusters=None, clock=SystemClock())

    def target_of(*names: object) -> str:
        app.clusters = Far()
        return "dev-team-c"

    app.target_of = target_of
    words = [verb, *_MORE.get(verb, []), "cpu-small", "--context", "dev", "-n", "team-c"]
    await perform(CLUSTER_VERBS, app, parse(cluster_parser(""), words), silent)
    assert app.clusters.asked[0][1] == "dev-team-c"
