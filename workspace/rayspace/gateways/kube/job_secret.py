"""The Secret that carries the runner of a job into the pods of its cluster."""

from __future__ import annotations

import asyncio
import base64
from typing import TYPE_CHECKING

from rayspace.core import manifest as manifests
from rayspace.core.ray_job import RUNNER_FILE, runner_secret
from rayspace.gateways.kube.client import object_path

if TYPE_CHECKING:
    from pathlib import Path

    from rayspace.gateways.kube.client import KubeClient
    from rayspace.model.snapshot import KubeObject


async def apply_runner(client: KubeClient, job: str, archive: Path) -> None:
    """Store the runner before the job that mounts it is made.

    Parameters
    ----------
    client
        The API server.
    job
        The job.
    archive
        The runner, as one file.
    """
    content = base64.b64encode(await asyncio.to_thread(archive.read_bytes)).decode("ascii")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": runner_secret(job),
            "labels": {manifests.MANAGED_BY: "rayspace"},
        },
        "data": {RUNNER_FILE: content},
    }
    await client.apply(_path(client, job), secret, operation="store the runner", force=True)


async def give_runner_to(client: KubeClient, job: KubeObject) -> None:
    """Let the Secret go with its job."""
    name = str(job["metadata"]["name"])
    owner = {
        "apiVersion": manifests.API_VERSION,
        "kind": "RayJob",
        "name": name,
        "uid": job["metadata"]["uid"],
    }
    await client.merge(
        _path(client, name),
        {"metadata": {"ownerReferences": [owner]}},
        operation="give the runner to its job",
    )


async def delete_runner(client: KubeClient, job: str) -> None:
    """Remove the Secret of a job that could not be made."""
    await client.delete(_path(client, job), operation="remove the runner")


def _path(client: KubeClient, job: str) -> str:
    return object_path("v1", client.target.namespace, "secrets", runner_secret(job))
