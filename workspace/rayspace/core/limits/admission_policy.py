"""Turn limits into objects with which Kubernetes itself refuses what goes beyond them.

For each kind that holds a Ray cluster one ValidatingAdmissionPolicy and its binding to one
namespace; their expressions measure as `rayspace.core.limits.demand` does. They must be total: with
``failurePolicy: Fail`` an error refuses the request, and suspending or ending a cluster must be
possible whatever is in it. So a change is only refused where it makes a figure larger that is over
its limit; a cluster that was over before may be suspended, scaled down and given a status. Resuming
one starts its pods anew, and counts as creating it.

Sources: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/ and
https://kubernetes.io/docs/reference/using-api/cel/, functions of Kubernetes 1.30 only.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.activity import Annotation
from rayspace.core.limits import demand
from rayspace.core.limits.cel_words import (
    cel_count_text,
    cel_cpus_text,
    cel_end_text,
    cel_memory_text,
    literal,
)
from rayspace.core.limits.rules import (
    A_LITTLE_MORE,
    Rule,
    image_pattern,
    image_rule,
    limit_rules,
    uncounted_rule,
)
from rayspace.core.manifests.ray_cluster import IDLE_S, MAX_LIFETIME_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rayspace.model.limits import Limits

_API_VERSION = "admissionregistration.k8s.io/v1"
_PLURALS = {"RayCluster": "rayclusters", "RayJob": "rayjobs", "RayService": "rayservices"}
#: What the operator makes for a job was judged as that job, and has an end as that job has one. Who
#: may write a cluster's status is its operator; anybody may write an owner.
_NOT_OF_A_JOB = (
    "!(request.operation == 'CREATE'"
    " && object.metadata.?ownerReferences.orValue([]).exists(o, o.?controller.orValue(false)"
    " && o.apiVersion.startsWith('ray.io/') && o.kind in ['RayJob', 'RayService'])"
    " && authorizer.group('ray.io').resource('rayclusters').subresource('status')"
    ".namespace(request.namespace).check('update').allowed())"
)

#: What runs for as long as a pod: init containers that restart are sidecars.
_RUNNING = (
    "(p.pod.?containers.orValue([])"
    " + p.pod.?initContainers.orValue([]).filter(c, c.?restartPolicy.orValue('') == 'Always'))"
)


@dataclass(frozen=True)
class _Check:
    """One refusal: a name for its variables, what is measured, when to refuse, what was asked."""

    name: str
    #: The expression for one side, ``new`` or ``old``.
    measure: Callable[[str], str]
    #: What the old side is where there is nothing to compare with.
    nothing: str
    rule: Rule
    is_fine: str
    asked: str


def admission_policy(limits: Limits, namespace: str) -> list[dict[str, Any]]:
    """Return the objects that enforce limits in a namespace.

    Parameters
    ----------
    limits
        The limits.
    namespace
        The namespace.

    Returns
    -------
    list of dict
        Policies and bindings, to be applied by a cluster's administrator; none where the limits
        set none. Their names begin with ``rayspace-limits-`` and hold the namespace.
    """
    objects = []
    for kind in _PLURALS:
        checks = list(_checks(limits, kind))
        if checks:
            objects += [_policy(checks, kind, namespace), _binding(kind, namespace)]
    return objects


def _policy(checks: list[_Check], kind: str, namespace: str) -> dict[str, Any]:
    conditions = []
    if kind == "RayCluster":
        conditions = [{"name": "not-of-a-job", "expression": _NOT_OF_A_JOB}]
    elif kind == "RayJob":
        expression = "has(object.spec.rayClusterSpec)"
        conditions = [{"name": "brings-a-cluster", "expression": expression}]
    variables = list(_sides(kind))
    for check in checks:
        old = f"variables.compares ? {check.measure('old')} : {check.nothing}"
        variables += [(check.name, check.measure("new")), (f"{check.name}_before", old)]
    rule = {
        "apiGroups": ["ray.io"],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": [_PLURALS[kind]],
    }
    validations = [
        {
            "expression": check.is_fine,
            "messageExpression": _message(check),
            "reason": "Forbidden",
        }
        for check in checks
    ]
    return {
        "apiVersion": _API_VERSION,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": _metadata(kind, namespace),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {"resourceRules": [rule]},
            "matchConditions": conditions,
            "variables": [{"name": name, "expression": text} for name, text in variables],
            "validations": validations,
        },
    }


def _message(check: _Check) -> str:
    more = f"t == {literal(check.rule.allowed)} ? {literal(A_LITTLE_MORE)} + t : t"
    rest = literal(f"{check.rule.after} {check.rule.hint}")
    return f"{literal(check.rule.before)} + [{check.asked}].map(t, {more})[0] + {rest}"


def _binding(kind: str, namespace: str) -> dict[str, Any]:
    labels = {"kubernetes.io/metadata.name": namespace}
    return {
        "apiVersion": _API_VERSION,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": _metadata(kind, namespace),
        "spec": {
            "policyName": _name(kind, namespace),
            "validationActions": ["Deny"],
            "matchResources": {"namespaceSelector": {"matchLabels": labels}},
        },
    }


def _metadata(kind: str, namespace: str) -> dict[str, Any]:
    labels = {"app.kubernetes.io/part-of": "rayspace", "rayspace.dev/limits-of": namespace}
    return {"name": _name(kind, namespace), "labels": labels}


def _name(kind: str, namespace: str) -> str:
    return f"rayspace-limits-{namespace}-{_PLURALS[kind]}"


def _sides(kind: str) -> Iterator[tuple[str, str]]:
    """Yield the variables that both sides are measured by."""
    place = demand.SPEC_FIELDS[kind]
    below = f".?{place}.orValue({{}})" if place else ""
    # Dynamic throughout: what a version of KubeRay does not know is absent, not an error.
    yield "new_object", "dyn(object)"
    yield "old_object", "dyn(request.operation == 'UPDATE' ? oldObject : object)"
    for side in ("new", "old"):
        yield side, f"dyn(variables.{side}_object.spec{below})"
    asleep = "variables.{side}_object.spec.?suspend.orValue(false)"
    resumes = f"{asleep.format(side='old')} && !{asleep.format(side='new')}"
    yield "compares", f"request.operation == 'UPDATE' && !({resumes})"
    for side in ("new", "old"):
        yield f"{side}_pods", _pods(side)


def _pods(side: str) -> str:
    """List what pods there are, each with how many of it."""
    head = f"variables.{side}.?headGroupSpec.?template.?spec.orValue({{}})"
    options = f"variables.{side}.?autoscalerOptions"
    autoscaler = (
        f"{{'name': dyn('autoscaler'), 'image': {options}.?image.orValue(''),"
        f" 'resources': {options}.?resources.orValue({json.dumps(demand.AUTOSCALER_RESOURCES)})}}"
    )
    beside = f"{{'n': dyn(1), 'pod': dyn({{'containers': [dyn({autoscaler})]}})}}"
    group = "g.?template.?spec.orValue({})"
    return (
        f"[dyn({{'n': dyn(1), 'pod': {head}}})]"
        f" + ({_is_autoscaled(side)} ? [dyn({beside})] : [])"
        f" + variables.{side}.?workerGroupSpecs.orValue([])"
        f".map(g, dyn({{'n': dyn({_n_pods('g', side)}), 'pod': {group}}}))"
    )


def _checks(limits: Limits, kind: str) -> Iterator[_Check]:
    rules = limit_rules(limits, kind)
    measures: dict[str, tuple[Callable[[str], str], str]] = {
        "max_workers": (_workers, cel_count_text("variables.max_workers", "worker")),
        "max_gpus": (
            lambda side: _total(side, demand.GPU),
            cel_count_text("variables.max_gpus", "GPU"),
        ),
        "max_cpus": (lambda side: _total(side, demand.CPU), cel_cpus_text("variables.max_cpus")),
        "max_memory": (
            lambda side: _total(side, demand.MEMORY),
            cel_memory_text("variables.max_memory"),
        ),
        "max_lifetime": (
            lambda side: _lifetime(side, kind),
            cel_end_text("variables.max_lifetime"),
        ),
        "max_idle": (lambda side: _idle(side, kind), cel_end_text("variables.max_idle")),
    }
    for key, rule in rules.items():
        measure, asked = measures[key]
        is_whole = key in {"max_workers", "max_lifetime", "max_idle"}
        most, nothing = (str(rule.most), "0") if is_whole else (f"{rule.most}.0", "0.0")
        fine = f"variables.{key} <= {most} || variables.{key} <= variables.{key}_before"
        yield _Check(key, measure, nothing, rule, fine, asked)
    for key, resource in (("max_cpus", demand.CPU), ("max_memory", demand.MEMORY)):
        if key in rules:
            yield _uncounted(uncounted_rule(rules[key], resource.name), resource)
    if limits.allowed_images:
        pattern = literal(image_pattern(limits.allowed_images))
        name = "forbidden_images"
        yield _Check(
            name,
            lambda side: f"{_images(side, kind)}.filter(i, !i.matches({pattern}))",
            "[]",
            image_rule(limits.allowed_images),
            f"variables.{name}.all(i, i in variables.{name}_before)",
            f"variables.{name}.filter(i, !(i in variables.{name}_before))[0]",
        )


def _uncounted(rule: Rule, resource: demand.Resource) -> _Check:
    name = f"without_{resource.name}"

    def measure(side: str) -> str:
        silent = f"{_RUNNING}.filter(c, {_amount('c', resource)} == 0.0).map(c, string(c.name))"
        says_nothing = f"{_amount('p.pod', resource)} == 0.0"
        return f"variables.{side}_pods.map(p, {says_nothing} ? {silent} : []).filter(n, n != [])"

    quoted = f'"\'" + variables.{name}[0][0] + "\'"'
    count = "{0}.map(n, n.size()).sum()"
    new, old = (count.format(f"variables.{name}{suffix}") for suffix in ("", "_before"))
    return _Check(name, measure, "[]", rule, f"{new} <= {old}", quoted)


def _workers(side: str) -> str:
    return f"variables.{side}.?workerGroupSpecs.orValue([]).map(g, {_n_pods('g', side)}).sum()"


def _n_pods(group: str, side: str) -> str:
    least = f"{group}.?minReplicas.orValue(0)"
    most = f"{group}.?maxReplicas.orValue({demand.MAX_REPLICAS})"
    asked = f"({_is_autoscaled(side)} ? {most} : {group}.?replicas.orValue(0))"
    hosts = f"[0, int({group}.?numOfHosts.orValue(1))].max()"
    bounded = f"n < {least} ? {least} : n > {most} ? {most} : n"
    replicas = f"[{asked}].map(n, int({bounded})).map(n, n < 0 ? 0 : n)[0]"
    product = f"[{replicas} * {hosts}, {demand.MAX_REPLICAS}].min()"
    return f"({group}.?suspend.orValue(false) ? 0 : {product})"


def _is_autoscaled(side: str) -> str:
    return f"variables.{side}.?enableInTreeAutoscaling.orValue(false)"


def _total(side: str, resource: demand.Resource) -> str:
    """Sum up all pods, as doubles: they are exact for every sum that is near a limit."""
    # What runs together, each container that runs before it, and the pod's own figures.
    init = "p.pod.?initContainers.orValue([]).map(c, [dyn(c)])"
    together = f"([{_RUNNING}] + {init} + [[dyn(p.pod)]])"
    most = f"{together}.map(l, l.map(c, {_amount('c', resource)}).sum()).max()"
    return f"variables.{side}_pods.map(p, double(p.n) * {most}).sum()"


def _amount(container: str, resource: demand.Resource) -> str:
    given = f"{container}.?resources[?k].orValue({{}})"
    most = f"{float(demand.MAX_AMOUNT):.1f}"
    return (
        f"['requests', 'limits'].map(k, {given}.filter(r, r.matches({literal(resource.pattern)}))"
        f".map(r, string(dyn({given}[r])))"
        f".map(q, isQuantity(q) ? quantity(q).asApproximateFloat() * {resource.scale}.0 : {most})"
        f".map(a, a < 0.0 ? 0.0 : a > {most} ? {most} : a)"
        ".map(a, double(int(a)) + 0.000001 < a ? double(int(a)) + 1.0 : double(int(a)))"
        ".sum()).max()"
    )


def _images(side: str, kind: str) -> str:
    """List the images of a manifest, in the order in which `demand` does."""
    pods = f"variables.{side}_pods.map(p, dyn(p.pod))"
    if kind == "RayJob":
        submitter = f"variables.{side}_object.spec.?submitterPodTemplate.?spec.orValue({{}})"
        pods = f"({pods} + [dyn({submitter})])"
    containers = "p.?containers.orValue([]) + p.?initContainers.orValue([])"
    # Joined and split again, as lists of lists can't be made flat before Kubernetes 1.34.
    in_pods = f"{pods}.map(p, ({containers}).map(c, string(c.?image.orValue(''))).join(' '))"
    return f"{in_pods}.join(' ').split(' ').filter(i, i != '')"


def _lifetime(side: str, kind: str) -> str:
    if kind == "RayCluster":
        return f"[{_seconds(side, MAX_LIFETIME_S)}, {_extension(side)}].max()"
    if kind == "RayService":
        return f"{demand.NEVER_S}"
    deadline = f"variables.{side}_object.spec.?activeDeadlineSeconds.orValue(0)"
    never = demand.NEVER_S
    return f"({deadline} > 0 ? int({deadline}) + {_idle(side, kind)} : {never})"


def _idle(side: str, kind: str) -> str:
    if kind == "RayCluster":
        return _seconds(side, IDLE_S)
    if kind == "RayService":
        return f"{demand.NEVER_S}"
    spec = f"variables.{side}_object.spec"
    ends = f"{spec}.?shutdownAfterJobFinishes.orValue(false)"
    return f"({ends} ? int({spec}.?ttlSecondsAfterFinished.orValue(0)) : {demand.NEVER_S})"


def _seconds(side: str, key: str) -> str:
    value = _annotation(side, key)
    number = f"int(double({value}) + {demand.ROUND_UP})"
    known = f"{value}.matches({literal(demand.SECONDS_PATTERN)}) && {number} > 0"
    return f"({known} ? {number} : {demand.NEVER_S})"


def _extension(side: str) -> str:
    created = f"variables.{side}_object.metadata.?creationTimestamp"
    created = f"({created}.hasValue() ? int(timestamp({created}.value())) * 1000 : 0)"
    began = f"[{created}, {_time(side, Annotation.LIFETIME_FROM)}].max()"
    until = _time(side, Annotation.EXTENDED_UNTIL)
    return f"[{began}].map(b, b > 0 && {until} > b ? ({until} - b) / 1000 : 0)[0]"


def _time(side: str, key: str) -> str:
    value = _annotation(side, key)
    return f"({value}.matches({literal(demand.TIME_PATTERN)}) ? int({value}) : 0)"


def _annotation(side: str, key: str) -> str:
    return f"variables.{side}_object.metadata.?annotations[?{literal(key)}].orValue('')"
