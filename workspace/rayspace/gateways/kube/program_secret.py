"""A Secret that carries a program of ours into the pods of a cluster, and goes with its owner."""

from __future__ import annotations

import asyncio
import base64
import contextlib
from typing import TYPE_CHECKING

from rayspace.core.manifests import ray_cluster as manifests
from rayspace.errors import GatewayUnavailableError, NotFoundError, RefusedError
from rayspace.gateways.kube.client import object_path

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.snapshot import KubeObject


async def made_with_program(
    client: KubeClient,
    secret: str,
    file_name: str,
    archive: Path,
    kind: str,
    make: Callable[[], Awaitable[KubeObject]],
) -> KubeObject:
    """Make an object whose pods mount a program.

    Nothing of an object that was refused is left behind.

    Parameters
    ----------
    client
        The API server.
    secret
        Name of the Secret that the pods mount.
    file_name
        Name of the program's file in it.
    archive
        The program, as one file.
    kind
        Kind of the object.
    make
        Makes the object.

    Returns
    -------
    KubeObject
        The object, to which the Secret belongs.
    """
    path = object_path("v1", client.target.namespace, "secrets", secret)
    content = base64.b64encode(await asyncio.to_thread(archive.read_bytes)).decode("ascii")
    body = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": secret, "labels": {manifests.MANAGED_BY: "rayspace"}},
        "data": {file_name: content},
    }
    await client.apply(path, body, operation=f"store the program {secret}", force=True)
    try:
        made = await make()
    except BaseException:
        with contextlib.suppress(NotFoundError, GatewayUnavailableError, RefusedError):
            await client.delete(path, operation=f"remove the program {secret}")
        raise
    owner = {
        "apiVersion": manifests.API_VERSION,
        "kind": kind,
        "name": made["metadata"]["name"],
        "uid": made["metadata"]["uid"],
    }
    operation = f"give the program {secret} to its owner"
    await client.merge(path, {"metadata": {"ownerReferences": [owner]}}, operation=operation)
    return made
