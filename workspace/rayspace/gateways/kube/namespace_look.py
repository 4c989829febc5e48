"""Look at what a namespace holds for clusters and jobs, as the person who asks."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rayspace.core.kube.namespace_checks import NamespaceFacts
from rayspace.core.kube.rights import not_granted, wanted_rights
from rayspace.core.limits.admission_policy import admission_policy
from rayspace.errors import NotFoundError, PreflightError, RefusedError, SpecError
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.configuration import Configuration, read_configuration
from rayspace.gateways.kube.kuberay import KubeRayCheck
from rayspace.gateways.kube.queues import KUEUE
from rayspace.gateways.kube.tracking_look import look_at_tracking
from rayspace.gateways.templates import read_template
from rayspace.model.limits import LIMITS_CONFIG_MAP

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rayspace.core.kube.rights import Right
    from rayspace.gateways.kube.client import KubeClient
    from rayspace.gateways.kube.tracking import KubeTracking
    from rayspace.model.limits import Limits

RULES = "kubernetes/rbac.yaml"
USER_ROLE, MLFLOW_ROLE = "rayspace-user", "rayspace-mlflow"
_AUTHORIZATION = "/apis/authorization.k8s.io/v1"
_ENFORCED = "pod-security.kubernetes.io/enforce"
_HEAD_ACCOUNT, _JOB_ACCOUNT = "rayspace-head", "rayspace-job"
_NETWORK_POLICY = "rayspace-ray"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"
_PLURALS = {
    "ValidatingAdmissionPolicy": "validatingadmissionpolicies",
    "ValidatingAdmissionPolicyBinding": "validatingadmissionpolicybindings",
}


async def look_at_namespace(
    client: KubeClient, tracking: KubeTracking, environ: Mapping[str, str], queues: Iterable[str]
) -> NamespaceFacts:
    """Look at everything that is needed.

    Parameters
    ----------
    client
        The API server.
    tracking
        Finds the tracking server.
    environ
        The environment: who this person is to MLflow.
    queues
        Queues that profiles name; that of the namespace's own defaults is found here.

    Returns
    -------
    NamespaceFacts
        What was found.

    Raises
    ------
    RayspaceError
        If the API server can't be asked at all.
    """
    target = client.target
    # Nothing else is asked of a server that does not answer, or does not know the person.
    user = await _user(client)
    has_namespace, security = await _namespace(client)
    server = await client.server()
    if not has_namespace:
        return NamespaceFacts(target.name, target.namespace, server, user, has_namespace=False)
    wanted = role_rights(USER_ROLE)
    head, job = (
        object_path("v1", target.namespace, "serviceaccounts", name)
        for name in (_HEAD_ACCOUNT, _JOB_ACCOUNT)
    )
    network = object_path(
        "networking.k8s.io/v1", target.namespace, "networkpolicies", _NETWORK_POLICY
    )
    kuberay, missing, (limits, configured), has_kueue = await asyncio.gather(
        _kuberay(client), missing_rights(client, wanted), _limits(client), _is_known(client, KUEUE)
    )
    has_head, has_job, has_network, policy = await asyncio.gather(
        _is_there(client, head),
        _is_there(client, job),
        _is_there(client, network),
        _policy(client, configured.limits),
    )
    found, queue_states = await asyncio.gather(
        look_at_tracking(client, tracking, environ),
        _queues(
            client, sorted({*queues, configured.defaults.pods.queue} - {""}), has_kueue=has_kueue
        ),
    )
    if found.state == "missing":
        lacks = await missing_rights(client, role_rights(MLFLOW_ROLE))
        found = replace(found, may_bring=not lacks)
    # Rights that only Kueue needs are none where there is no Kueue.
    needed = [right for right in wanted if has_kueue or "kueue" not in right[0]]
    lacking = tuple(right for right in needed if right in missing)
    return NamespaceFacts(
        target=target.name,
        namespace=target.namespace,
        server=server,
        user=user,
        kuberay=kuberay[0],
        kuberay_hint=kuberay[1],
        missing=lacking,
        has_any_right=len(lacking) < len(needed),
        has_head_account=has_head,
        has_job_account=has_job,
        tracking=found,
        queues=queue_states,
        limits=limits,
        policy=policy,
        has_network_policy=has_network,
        pod_security=security,
    )


def role_rights(name: str) -> list[Right]:
    """List the rights that a Role of the product gives."""
    import yaml

    for document in yaml.safe_load_all(read_template(RULES)):
        if document["kind"] == "Role" and document["metadata"]["name"] == name:
            return wanted_rights(document["rules"])
    return []


async def missing_rights(client: KubeClient, wanted: list[Right]) -> list[Right]:
    """List the rights that this person lacks; asked one by one where the list is not whole."""
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectRulesReview",
        "spec": {"namespace": client.target.namespace},
    }
    answer = await client.create(
        f"{_AUTHORIZATION}/selfsubjectrulesreviews", body, operation="ask what you may do"
    )
    status = answer.get("status") or {}
    missing = not_granted(wanted, status.get("resourceRules") or [])
    if not status.get("incomplete"):
        return missing
    # An authoriser beside RBAC may allow what no list shows.
    allowed = await asyncio.gather(*(_may(client, right) for right in missing))
    return [right for right, is_allowed in zip(missing, allowed, strict=True) if not is_allowed]


async def _may(client: KubeClient, right: Right) -> bool:
    group, resource, verb, name = right
    kind, _, part = resource.partition("/")
    attributes = {"namespace": client.target.namespace, "group": group, "resource": kind,
                  "subresource": part, "verb": verb, "name": name}  # fmt: skip
    body = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SelfSubjectAccessReview",
        "spec": {"resourceAttributes": attributes},
    }
    answer = await client.create(
        f"{_AUTHORIZATION}/selfsubjectaccessreviews", body, operation="ask what you may do"
    )
    return bool((answer.get("status") or {}).get("allowed"))


async def _user(client: KubeClient) -> str:
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    path = "/apis/authentication.k8s.io/v1/selfsubjectreviews"
    try:
        answer = await client.create(path, body, operation="ask who this is")
    except NotFoundError:
        # Kubernetes before 1.28 does not answer that.
        return ""
    return str(((answer.get("status") or {}).get("userInfo") or {}).get("username") or "")


async def _kuberay(client: KubeClient) -> tuple[str, str]:
    try:
        await KubeRayCheck(client).require()
    except PreflightError as exc:
        return exc.message, exc.hint
    return "", ""


async def _is_known(client: KubeClient, group: str) -> bool:
    try:
        await client.get(f"/apis/{group}", operation=f"ask for {group}")
    except NotFoundError:
        return False
    return True


async def _is_there(client: KubeClient, path: str) -> bool | None:
    try:
        await client.get(path, operation="look for it")
    except NotFoundError:
        return False
    except RefusedError:
        return None
    return True


async def _queues(
    client: KubeClient, names: Sequence[str], *, has_kueue: bool
) -> tuple[tuple[str, bool | None], ...]:
    if not has_kueue:
        return tuple((name, False) for name in names)
    root = object_path(await client.preferred(KUEUE), client.target.namespace, "localqueues")
    found = await asyncio.gather(*(_is_there(client, f"{root}/{name}") for name in names))
    return tuple(zip(names, found, strict=True))


async def _limits(client: KubeClient) -> tuple[str, Configuration]:
    path = object_path("v1", client.target.namespace, "configmaps", LIMITS_CONFIG_MAP)
    is_there = await _is_there(client, path)
    if is_there is None:
        return "hidden", Configuration()
    try:
        found = await read_configuration(client)
    except SpecError as exc:
        return exc.message, Configuration()
    return "none" if found == Configuration() else "set", found


async def _policy(client: KubeClient, limits: Limits) -> str:
    """Say how Kubernetes holds people to limits; empty where that may not be read."""
    states = {
        await _policy_state(client, item)
        for item in admission_policy(limits, client.target.namespace)
    }
    return next((state for state in ("", "missing", "older", "current") if state in states), "")


async def _policy_state(client: KubeClient, wanted: Mapping[str, Any]) -> str:
    path = f"{_ADMISSION}/{_PLURALS[wanted['kind']]}/{wanted['metadata']['name']}"
    try:
        found = await client.get(path, operation="read the policy of the limits")
    except NotFoundError:
        return "missing"
    except RefusedError:
        return ""
    # Kubernetes adds what was left out, and keeps what was given.
    parts = ("variables", "validations", "validationActions", "policyName")
    spec, has = wanted["spec"], found.get("spec") or {}
    return "current" if all(has.get(part) == spec.get(part) for part in parts) else "older"


async def _namespace(client: KubeClient) -> tuple[bool, str | None]:
    """Whether it is there, and the level of Pod Security that it enforces."""
    path = f"/api/v1/namespaces/{client.target.namespace}"
    try:
        found = await client.get(path, operation="read the namespace")
    except NotFoundError:
        return False, None
    except RefusedError:
        return True, None
    return True, str((found["metadata"].get("labels") or {}).get(_ENFORCED, ""))
