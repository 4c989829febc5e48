"""What a Role gives, and what of it a person lacks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    #: Group, resource, verb and name; the name is empty for any.
    Right = tuple[str, str, str, str]


def wanted_rights(rules: Iterable[Mapping[str, Any]]) -> list[Right]:
    """List the rights that rules of a Role give, one by one.

    Parameters
    ----------
    rules
        The rules, as in a Role.

    Returns
    -------
    list of tuple
        Group, resource, verb and name; the name is empty for any.
    """
    return [
        (group, resource, verb, name)
        for rule in rules
        for group in rule.get("apiGroups") or []
        for resource in rule.get("resources") or []
        for verb in rule.get("verbs") or []
        for name in rule.get("resourceNames") or [""]
    ]


def not_granted(wanted: Iterable[Right], rules: Sequence[Mapping[str, Any]]) -> list[Right]:
    """List the rights that a person's rules do not give.

    Parameters
    ----------
    wanted
        The rights.
    rules
        Rules as a SelfSubjectRulesReview lists them, where a star stands for anything.

    Returns
    -------
    list of tuple
        What is missing, in the order given.
    """
    return [right for right in wanted if not any(_gives(rule, right) for rule in rules)]


def _gives(rule: Mapping[str, Any], right: Right) -> bool:
    group, resource, verb, name = right
    kind, _, part = resource.partition("/")
    names = rule.get("resourceNames") or []
    resources = {"*", resource, f"*/{part}" if part else kind}
    return (
        bool({"*", group} & set(rule.get("apiGroups") or []))
        and bool(resources & set(rule.get("resources") or []))
        and bool({"*", verb} & set(rule.get("verbs") or []))
        and (not names or (bool(name) and name in names))
    )


def rights_text(rights: Iterable[Right]) -> str:
    """Write rights as people do: verbs by what they concern.

    Parameters
    ----------
    rights
        The rights.

    Returns
    -------
    str
        Such as ``create, delete rayjobs.ray.io; get configmaps rayspace-profiles``.
    """
    grouped: dict[str, list[str]] = {}
    for group, resource, verb, name in rights:
        thing = f"{resource}{f'.{group}' if group else ''}{f' {name}' if name else ''}"
        grouped.setdefault(thing, []).append(verb)
    # Resources for which the same is missing stand together.
    by_verbs: dict[str, list[str]] = {}
    for thing, verbs in grouped.items():
        by_verbs.setdefault(", ".join(verbs), []).append(thing)
    return "; ".join(f"{verbs} {', '.join(things)}" for verbs, things in by_verbs.items())
