"""Images that can't be had, and whether waiting may help.

The registry's own words decide, without the name of the image and the addresses in them, which may
hold any word and number. Sources: kubernetes/pkg/kubelet/images/types.go and cri-api/pkg/errors of
1.35 for the reasons; containerd's and the registries' messages as seen.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.commands import anew
from rayspace.core.diagnosis.finding import Finding, pod_evidence, role_of
from rayspace.model.problem import Owner

if TYPE_CHECKING:
    from rayspace.core.diagnosis.pods import PodContainer, RayPod
    from rayspace.core.diagnosis.view import ClusterView

#: What the kubelet says while it pulls again and again.
_PULLING = {
    "ErrImagePull",
    "ImagePullBackOff",
    "RegistryUnavailable",
    "SignatureValidationFailed",
    "ImageInspectError",
}
#: All by which a container waits for its image.
IMAGE_REASONS = _PULLING | {"ErrImageNeverPull", "InvalidImageName"}
_NAMES = re.compile(r'"[^"]*"|https?://\S+')
_BACK_OFF = re.compile(r"Back-off pulling image *$")
_TRANSIENT = re.compile(
    r"i/o timeout|timed? ?out|deadline exceeded|connection re(?:fused|set)|no such host"
    r"|server misbehaving|TLS handshake|toomanyrequests|too many requests|rate limit|\bEOF\b"
    r"|unreachable|\b(?:429|5\d\d)\b|temporar|QPS exceeded|unavailable",
    re.IGNORECASE,
)
_NOT_FOUND = re.compile(
    r"not found|manifest[ _]unknown|name[ _]unknown|does not exist|no match for platform|\b404\b",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"unauthori[sz]ed|denied|forbidden|insufficient_scope|authentication required"
    r"|no basic auth|\b40[13]\b|signature",
    re.IGNORECASE,
)


def image_finding(view: ClusterView, pod: RayPod, container: PodContainer) -> Finding | None:
    """Say why a container has not got its image.

    Parameters
    ----------
    view
        The cluster.
    pod
        A pod.
    container
        One of its containers.

    Returns
    -------
    Finding or None
        Why; None if it does not wait for its image.
    """
    reason = container.waiting
    if reason not in IMAGE_REASONS:
        return None
    image = container.image or "without a name"
    words = _words(view, pod, container)
    again = anew(view, "--image IMAGE")
    if reason == "InvalidImageName":
        code, owner, is_final = "image_name_invalid", Owner.YOU, True
        fact = f"can't start: {image!r} is not a valid name of an image."
        hint = f"Write the name of the image in the form registry/name:tag, in lower case: {again}"
    elif reason == "ErrImageNeverPull":
        code, owner, is_final = "image_not_found", Owner.YOU, True
        fact = f"can't start: the image {image} is not on the node, and may not be pulled there."
        hint = (
            "Let it be pulled (imagePullPolicy: IfNotPresent), or name an image that every node"
            f" has: {again}"
        )
    else:
        code = _cause(reason, words.replace(image, ""))
        is_final = code != "pull_failing"
        owner = Owner.YOU if code == "image_not_found" else Owner.ADMIN
        fact, hint = _told(code, image, again, view)
    return Finding(
        code, fact, hint, owner, pod_evidence(pod, words), is_final, roles=(role_of(pod),)
    )


def _words(view: ClusterView, pod: RayPod, container: PodContainer) -> str:
    """Return why the pull failed; an older kubelet only tells it in an event."""
    message = container.message
    if message and not _BACK_OFF.search(_NAMES.sub("", message)):
        return message
    failed = [
        event.message
        for event in view.events
        if (event.kind, event.name, event.reason) == ("Pod", pod.name, "Failed")
        and event.message.startswith("Failed to pull image")
    ]
    return failed[-1] if failed else message or container.waiting


def _cause(reason: str, words: str) -> str:
    bare = _NAMES.sub("", words)
    # A refusal that also says "does not exist" leaves it open; a time-out says nothing of either.
    if reason == "RegistryUnavailable" or _TRANSIENT.search(bare):
        return "pull_failing"
    if reason == "SignatureValidationFailed" or _REFUSED.search(bare):
        return "pull_refused"
    return "image_not_found" if _NOT_FOUND.search(bare) else "pull_failing"


def _told(code: str, image: str, again: str, view: ClusterView) -> tuple[str, str]:
    if code == "image_not_found":
        fact = f"can't start: the registry has no image {image}, or none for this kind of node."
        return fact, f"Look for a slip in the name or the tag, then: {again}"
    if code == "pull_refused":
        fact = f"can't start: the registry refuses the image {image}: private, or not there at all."
        return fact, (
            "Ask an admin for a pull secret in the namespace, and name it as imagePullSecrets:"
            f" kubectl get secrets -n {view.snapshot.namespace}"
        )
    fact = f"can't start yet: pulling the image {image} fails, and is tried again."
    return fact, (
        "Wait a few minutes; if it stays so, ask an admin whether the nodes reach the registry."
    )
