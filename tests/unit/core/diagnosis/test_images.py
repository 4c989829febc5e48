"""Whether an image that can't be had may still come."""

from __future__ import annotations

import pytest

from rayspace.model.problem import Owner
from tests.unit.core.diagnosis.snapshots import (
    a_pod,
    a_ray_cluster,
    a_snapshot,
    an_event,
    only,
    waiting,
)

IMAGE = "registry.example:5000/denied-401/ray:not-found"


def pull(reason: str, message: str, *, events=()):
    pod = a_pod("head", ready=False, image=IMAGE, statuses=[waiting("ray-head", reason, message)])
    cluster = a_ray_cluster(groups=[])
    return a_snapshot(pods=(pod,), ray_cluster=cluster, events=tuple(events))


RESOLVE = f'failed to pull and unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": '


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (f"{RESOLVE}{IMAGE}: not found", "image_not_found"),
        ("manifest unknown: manifest unknown", "image_not_found"),
        ("no match for platform in manifest: not found", "image_not_found"),
        (f"{RESOLVE}pull access denied, repository does not exist", "pull_refused"),
        (f"{RESOLVE}unexpected status: 401 Unauthorized", "pull_refused"),
        (f"{RESOLVE}unexpected status from HEAD request to https://h:403/v2: 403 Forbidden",
         "pull_refused"),
        (f"{RESOLVE}dial tcp: lookup registry.example: no such host", "pull_failing"),
        (f"{RESOLVE}read udp 10.77.0.1:54369->10.255.255.53:53: i/o timeout", "pull_failing"),
        (f"{RESOLVE}unexpected status code https://h/v2: 503 Service Unavailable", "pull_failing"),
        ("toomanyrequests: unauthorized users may pull 100 times", "pull_failing"),
        ("write /var/lib/x: no space left on device", "pull_failing"),
        (RESOLVE, "pull_failing"),
    ],
)  # fmt: skip
def test_the_registry_decides_and_not_the_name(message: str, code: str) -> None:
    """The name of the image here holds every word that could mislead."""
    problem = only(pull("ErrImagePull", message), code)
    assert IMAGE in problem.summary
    assert problem.is_final is (code != "pull_failing")
    assert ("imagePullSecrets" in problem.hint) is (code == "pull_refused")
    assert ("slip in the name" in problem.hint) is (code == "image_not_found")
    assert problem.evidence[0].text == message.strip()


def test_an_older_kubelet_tells_the_cause_in_an_event() -> None:
    """Its back-off does not say why; the last failure does, and of this pod only."""
    events = [
        an_event("Failed", "Error: ErrImagePull", on="c-head-nbkmp", age=1),
        an_event("Failed", f'Failed to pull image "{IMAGE}": not found', on="c-head-nbkmp", age=2),
        an_event("Failed", f'Failed to pull image "{IMAGE}": i/o timeout', on="other", age=1),
    ]
    message = f'Back-off pulling image "{IMAGE}"'
    only(pull("ImagePullBackOff", message, events=events), "image_not_found")
    problem = only(pull("ImagePullBackOff", message), "pull_failing")
    assert problem.evidence[0].text == message


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("RegistryUnavailable", "pull_failing"),
        ("SignatureValidationFailed", "pull_refused"),
        ("ImageInspectError", "pull_failing"),
    ],
)
def test_the_reason_counts_where_the_message_says_nothing(reason: str, code: str) -> None:
    """A signature that is wrong stays wrong."""
    assert only(pull(reason, ""), code).owner is Owner.ADMIN
