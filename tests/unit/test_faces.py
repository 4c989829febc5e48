"""The calls of ``rayspace.clusters`` and ``rayspace.jobs`` as ``help`` tells them."""

from __future__ import annotations

import inspect
import pydoc

import pytest

import rayspace
from rayspace.core.jobs.wishes import SubmitOptions
from rayspace.services.clusters import ClusterService
from rayspace.services.jobs import JobService

CALLS = [
    (face, service, name)
    for face, service in ((rayspace.clusters, ClusterService), (rayspace.jobs, JobService))
    for name in vars(type(face))
    if not name.startswith("_") and hasattr(service, name)
]


@pytest.mark.parametrize(("face", "service", "name"), CALLS)
def test_a_call_has_the_signature_of_its_service_without_the_service(face, service, name) -> None:
    """What a person sees is what they can write."""
    _, *theirs = inspect.signature(getattr(service, name)).parameters.values()
    expected = [p for p in theirs if p.kind is not p.VAR_KEYWORD]
    shown = list(inspect.signature(getattr(face, name)).parameters.values())
    assert shown[: len(expected)] == expected
    # What a service takes as further options is shown to people one by one.
    options = list(SubmitOptions.__annotations__) if len(theirs) > len(expected) else []
    assert [p.name for p in shown[len(expected) :]] == options


def test_help_shows_what_can_be_written() -> None:
    """No self, and the unit of each number."""
    text = pydoc.plain(pydoc.render_doc(rayspace.clusters.up))
    assert "up(profile: 'str | None' = None, *, name:" in text
    assert "self" not in text.splitlines()[2]
    assert "wait_timeout_s" in text
