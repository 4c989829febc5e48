"""Tell which KubeRay a cluster has from how it describes a RayCluster, and whether it is enough.

Everybody may read that description; the operator's image, only who may look into its namespace. And
it is what counts: ``helm upgrade`` leaves it as it was, and then a new operator takes old objects.
Source: ray-operator/config/crd/bases/ray.io_rayclusters.yaml of KubeRay 1.3 to 1.6.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.model.problem import Evidence, Owner, Problem

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Fields of a RayCluster's spec by the release that brought them, the newest first.
_BROUGHT = (
    ("1.6 or newer", ("upgradeStrategy",)),
    ("1.5", ("authOptions", "mode")),
    ("1.4", ("autoscalerOptions", "version")),
    ("1.3", ("gcsFaultToleranceOptions",)),
)
#: Without it there would be no token, and everybody who reaches a cluster could run code on it.
_NEEDED = ("authOptions", "mode")
LEAST_RELEASE, TESTED_RELEASE = "1.5.1", "1.6.2"
_SCHEMA = "io.ray.v1.RayCluster"
_JOB_SCHEMA = "io.ray.v1.RayJob"


def kuberay_release(document: Mapping[str, Any]) -> str:
    """Tell the release of KubeRay.

    Parameters
    ----------
    document
        The OpenAPI description of ``ray.io/v1``.

    Returns
    -------
    str
        Like ``1.5``; empty where it does not say what a RayCluster looks like.
    """
    spec = _spec(document)
    if not _has(spec, ()):
        return ""
    return next((name for name, path in _BROUGHT if _has(spec, path)), "1.2 or older")


def kuberay_problem(document: Mapping[str, Any], target: str) -> Problem | None:
    """Say whether KubeRay is too old to start a cluster with a token; None if it is not.

    Parameters
    ----------
    document
        The OpenAPI description of ``ray.io/v1``.
    target
        Name of the target, for people.
    """
    release = kuberay_release(document)
    if not release or _has(_spec(document), _NEEDED):
        return None
    field = f"spec.{'.'.join(_NEEDED)}"
    return Problem(
        "kuberay_old",
        f"The RayClusters of {target} are those of KubeRay {release}, which lack {field}: without a"
        " token everybody who reaches a cluster could run code on it.",
        f"Ask an administrator to upgrade KubeRay to {LEAST_RELEASE} or newer, its CRDs too, which"
        " helm leaves as they are: kubectl apply --server-side --force-conflicts -k"
        f" 'github.com/ray-project/kuberay/ray-operator/config/crd?ref=v{TESTED_RELEASE}'",
        Owner.ADMIN,
        (Evidence("CustomResourceDefinition", "rayclusters.ray.io", f"without {field}"),),
        is_final=True,
    )


def has_job_rules(document: Mapping[str, Any]) -> bool:
    """Tell whether a RayJob may say what is deleted when, and how long its start may take.

    KubeRay 1.5 describes such rules too, but refuses them unless a feature gate is set; the
    deadline came with the release that set it by default.

    Parameters
    ----------
    document
        The OpenAPI description of ``ray.io/v1``.
    """
    return _has(_spec(document, _JOB_SCHEMA), ("preRunningDeadlineSeconds",))


def no_kuberay(target: str) -> Problem:
    """Say that there is no KubeRay at all.

    Parameters
    ----------
    target
        Name of the target, for people.
    """
    return Problem(
        "kuberay_missing",
        f"KubeRay is not installed on {target}, which makes Ray clusters of what is asked for.",
        f"Ask an administrator to install KubeRay {LEAST_RELEASE} or newer:"
        " https://docs.ray.io/en/latest/cluster/kubernetes/getting-started/kuberay-operator-"
        "installation.html",
        Owner.ADMIN,
        (Evidence("CustomResourceDefinition", "rayclusters.ray.io", "not found"),),
        is_final=True,
    )


def _spec(document: Mapping[str, Any], schema: str = _SCHEMA) -> Any:
    schemas = (document.get("components") or {}).get("schemas") or {}
    return ((schemas.get(schema) or {}).get("properties") or {}).get("spec") or {}


def _has(schema: Any, path: tuple[str, ...]) -> bool:
    """Whether a schema says what is at a path; with none, whether it says anything."""
    for name in path:
        schema = (schema.get("properties") or {}).get(name)
        if not isinstance(schema, dict):
            return False
    return bool(path) or bool(schema.get("properties"))
