"""Look for what a target on Kubernetes lacks, and bring what is this person's to bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rayspace.core.kube.namespace_checks import namespace_checks
from rayspace.errors import RayspaceError, SpecError
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.kube.namespace_look import RULES, look_at_namespace
from rayspace.gateways.kube.tracking_way import NAME
from rayspace.gateways.templates import read_template, templates_dir
from rayspace.model.check import Check

if TYPE_CHECKING:
    from rayspace.app import App
    from rayspace.core.kube.namespace_checks import NamespaceFacts

MLFLOW, NETWORK = "kubernetes/mlflow.yaml", "kubernetes/network.yaml"
_RESOURCES = {
    "ConfigMap": "configmaps",
    "PersistentVolumeClaim": "persistentvolumeclaims",
    "Deployment": "deployments",
    "Service": "services",
    "NetworkPolicy": "networkpolicies",
}


async def examine_target(app: App, target: str) -> list[Check]:
    """Look at everything that clusters and jobs need on a target.

    Parameters
    ----------
    app
        The services.
    target
        Name of the target.

    Returns
    -------
    list of Check
        What was found, one for each thing; what can't be looked at is left out.
    """
    try:
        return checks_of(await look(app, target))
    except RayspaceError as exc:
        return [Check("api-server", "problem", exc.message.rstrip("."), exc.hint, "you")]


async def look(app: App, target: str) -> NamespaceFacts:
    """Look at everything that clusters and jobs need on a target.

    Raises
    ------
    RayspaceError
        If its API server can't be asked.
    """
    try:
        profiles = await app.clusters.profiles(target=target)
    except SpecError:
        # What is wrong with those that the administrator set is told with their limits.
        profiles = await app.clusters.profiles()
    queues = {p.pods.queue for p in profiles if p.pods.queue and p.target in {"", target}}
    client = app.kube_client(target)
    return await look_at_namespace(client, app.kube_tracking(target), app.environ, queues)


def checks_of(facts: NamespaceFacts) -> list[Check]:
    """Say what is well and what is missing."""
    return namespace_checks(facts, *(str(templates_dir() / p) for p in (RULES, MLFLOW, NETWORK)))


def mlflow_objects(image: str = "") -> list[dict[str, Any]]:
    """Return the objects that bring MLflow into a namespace, with another image if one is given."""
    import yaml

    objects = [dict(item) for item in yaml.safe_load_all(read_template(MLFLOW))]
    for item in objects:
        if item["kind"] == "Deployment" and image:
            item["spec"]["template"]["spec"]["containers"][0]["image"] = image
    return objects


async def apply_objects(app: App, target: str, objects: list[dict[str, Any]]) -> None:
    """Make the objects, or change them into what is given."""
    client = app.kube_client(target)
    for item in objects:
        name, kind = item["metadata"]["name"], item["kind"]
        path = object_path(item["apiVersion"], client.target.namespace, _RESOURCES[kind], name)
        await client.apply(path, item, operation=f"apply the {kind} {name}", force=True)


async def change_image(app: App, target: str, image: str) -> None:
    """Give MLflow of a namespace another image, and leave everything else as somebody set it."""
    client = app.kube_client(target)
    path = object_path("apps/v1", client.target.namespace, "deployments", NAME)
    place = "/spec/template/spec/containers/0/image"
    change = {"op": "replace", "path": place, "value": image}
    await client.json_patch(path, [change], operation="give MLflow another image")
