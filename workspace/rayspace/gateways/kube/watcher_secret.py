"""The Secret that carries the watcher's program into the head of a cluster."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

from rayspace.core import manifest as manifests
from rayspace.gateways.kube.client import object_path
from rayspace.gateways.watcher_archive import watcher_archive

if TYPE_CHECKING:
    from pathlib import Path

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.snapshot import KubeObject


async def apply_watcher(client: KubeClient, name: str, state_dir: Path) -> None:
    """Store the program before the cluster that mounts it is made.

    Parameters
    ----------
    client
        The API server.
    name
        The cluster.
    state_dir
        Where the program is packed.
    """
    path = await asyncio.to_thread(watcher_archive, state_dir / "watcher.zip")
    content = base64.b64encode(await asyncio.to_thread(path.read_bytes)).decode("ascii")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": manifests.watcher_secret(name),
            "labels": {manifests.MANAGED_BY: "rayspace"},
        },
        "data": {manifests.WATCHER_FILE: content},
    }
    await client.apply(_path(client, name), secret, operation="store the watcher", force=True)


async def give_watcher_to(client: KubeClient, cluster: KubeObject) -> None:
    """Let the Secret go with its cluster."""
    owner = {
        "apiVersion": manifests.API_VERSION,
        "kind": "RayCluster",
        "name": cluster["metadata"]["name"],
        "uid": cluster["metadata"]["uid"],
    }
    await client.merge(
        _path(client, owner["name"]),
        {"metadata": {"ownerReferences": [owner]}},
        operation="give the watcher to its cluster",
    )


async def delete_watcher(client: KubeClient, name: str) -> None:
    """Remove the Secret of a cluster that could not be made."""
    await client.delete(_path(client, name), operation="remove the watcher")


def _path(client: KubeClient, name: str) -> str:
    secret = manifests.watcher_secret(name)
    return object_path("v1", client.target.namespace, "secrets", secret)
