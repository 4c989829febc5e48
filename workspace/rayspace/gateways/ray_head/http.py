"""The HTTP face of a Ray head: versions, nodes and the Jobs API.

Ray's own job client is not used: importing it costs 1.6 s, and it must not be needed on a machine
that only talks to clusters elsewhere. Sources: ray/dashboard/modules/job/job_head.py,
ray/dashboard/modules/node/node_head.py and ray/dashboard/http_server_head.py of Ray 2.60.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
from typing import TYPE_CHECKING, Any

from rayspace.core.manifests.driver_slots import RESOURCE
from rayspace.core.nodes.listing import nodes_from_answers
from rayspace.errors import (
    AccessError,
    ConflictError,
    GatewayError,
    GatewayTimeoutError,
    GatewayUnavailableError,
    JobNotFoundError,
)
from rayspace.gateways.ray_head.doors import LoopbackDoor
from rayspace.model.job import LiveJob, LivePhase

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Mapping
    from pathlib import Path

    from rayspace.gateways.ray_head.doors import HeadDoor
    from rayspace.model.cluster import HeadAddress, Node

#: An answer of the dashboard takes milliseconds; a busy laptop may take a few seconds. [s]
_TIMEOUT_S = 15.0
#: The first submission waits until the agent has started. [s]
_SUBMIT_TIMEOUT_S = 60.0


class HttpHeadGateway:
    """The real side of `HeadGateway`.

    Parameters
    ----------
    door
        How heads are reached; by default those of this machine.
    """

    def __init__(self, door: HeadDoor | None = None) -> None:
        self._door = door or LoopbackDoor()

    async def version(self, head: HeadAddress) -> Mapping[str, str]:
        """Return ``ray_version`` and ``session_name``."""
        operation = "read its version"
        answer = await self._json(head, "GET", "/api/version", operation=operation)
        with _understood(head, operation):
            return {
                "ray_version": str(answer["ray_version"]),
                "session_name": str(answer.get("session_name", "")),
            }

    async def python_version(self, head: HeadAddress) -> str:
        """Return the version of Python; empty where the head does not tell."""
        operation = "read its Python's version"
        answer = await self._json(head, "GET", "/api/v0/cluster_metadata", operation=operation)
        with _understood(head, operation):
            return str((answer.get("data") or {}).get("pythonVersion") or "")

    async def nodes(self, head: HeadAddress) -> list[Node]:
        """Observe all nodes."""
        operation = "list its nodes"
        members, summary = await asyncio.gather(
            self._json(head, "GET", "/api/v0/nodes?limit=10000&detail=1", operation=operation),
            self._json(head, "GET", "/nodes?view=summary", operation=operation),
        )
        with _understood(head, operation):
            return nodes_from_answers(members, summary)

    async def submit(
        self,
        head: HeadAddress,
        *,
        submission_id: str,
        entrypoint: str,
        env: Mapping[str, str],
        metadata: Mapping[str, str],
        working_dir: str = "",
        driver_cpus: float = 0.0,
        driver_gpus: float = 0.0,
        takes_slot: bool = False,
    ) -> None:
        """Start a job; `ConflictError` if the submission id is taken.

        Ray reserves CPUs and GPUs for its driver, ``driver_cpus`` [1] and ``driver_gpus`` [1], and
        a place for a notebook where it takes one.
        """
        runtime_env: dict[str, Any] = {"env_vars": dict(env)}
        if working_dir:
            runtime_env["working_dir"] = working_dir
        body: dict[str, Any] = {
            "submission_id": submission_id,
            "entrypoint": entrypoint,
            "runtime_env": runtime_env,
            "metadata": dict(metadata),
        }
        if driver_cpus:
            body["entrypoint_num_cpus"] = driver_cpus
        if driver_gpus:
            body["entrypoint_num_gpus"] = driver_gpus
        if takes_slot:
            body["entrypoint_resources"] = {RESOURCE: 1}
        await self._json(
            head,
            "POST",
            "/api/jobs/",
            operation="submit a job",
            body=body,
            timeout_s=_SUBMIT_TIMEOUT_S,
        )

    async def store_package(self, head: HeadAddress, path: Path) -> str:
        """Give a head a zip file that its nodes can unpack, and return its URI.

        Ray forgets one that no job uses for ten minutes.
        Source: ray/dashboard/modules/job/job_head.py, /api/packages of Ray 2.60.
        """
        content = await asyncio.to_thread(path.read_bytes)
        name = f"_ray_pkg_{hashlib.sha256(content).hexdigest()[:16]}.zip"
        operation = "store the runner"
        url = f"/api/packages/gcs/{name}"
        with _translated(head, operation):
            async with self._door.request(
                head, "GET", url, body=None, timeout_s=_TIMEOUT_S
            ) as response:
                is_there = response.status == 200
        if not is_there:
            await self._json(
                head, "PUT", url, operation=operation, body=content, timeout_s=_SUBMIT_TIMEOUT_S
            )
        return f"gcs://{name}"

    async def job(self, head: HeadAddress, submission_id: str) -> LiveJob:
        """Observe a job."""
        operation = f"read the job {submission_id}"
        answer = await self._json(head, "GET", f"/api/jobs/{submission_id}", operation=operation)
        with _understood(head, operation):
            return _live_job(answer)

    async def jobs(self, head: HeadAddress) -> list[LiveJob]:
        """Observe all jobs that were submitted."""
        operation = "list its jobs"
        answer = await self._json(head, "GET", "/api/jobs/", operation=operation)
        with _understood(head, operation):
            # Also holds drivers that nobody submitted; they have no submission id.
            return [_live_job(item) for item in answer if item.get("submission_id")]

    async def stop(self, head: HeadAddress, submission_id: str) -> None:
        """Ask a job to stop; returns at once."""
        await self._json(
            head,
            "POST",
            f"/api/jobs/{submission_id}/stop",
            operation=f"stop the job {submission_id}",
        )

    async def logs(
        self, head: HeadAddress, submission_id: str, *, follow: bool
    ) -> AsyncIterator[str]:
        """Yield pieces of a job's log; ends with the job when following."""
        path = f"/api/jobs/{submission_id}/logs"
        if not follow:
            operation = f"read the log of {submission_id}"
            answer = await self._json(head, "GET", path, operation=operation)
            with _understood(head, operation):
                text = str(answer["logs"])
            yield text
            return
        # Asked first, since the WebSocket of an unknown job only closes.
        await self.job(head, submission_id)
        import aiohttp

        operation = f"follow the log of {submission_id}"
        with _translated(head, operation):
            async with self._door.socket(head, f"{path}/tail") as socket:
                async for message in socket:
                    if message.type is aiohttp.WSMsgType.TEXT:
                        yield message.data

    async def _json(
        self,
        head: HeadAddress,
        method: str,
        path: str,
        *,
        operation: str,
        body: Any = None,
        timeout_s: float = _TIMEOUT_S,
    ) -> Any:
        with _translated(head, operation):
            async with self._door.request(
                head, method, path, body=body, timeout_s=timeout_s
            ) as response:
                text = await response.text(errors="replace")
                if response.status != 200:
                    raise _status_error(head, path, response.status, text, operation)
                with _understood(head, operation):
                    return json.loads(text) if text else None


@contextlib.contextmanager
def _translated(head: HeadAddress, operation: str) -> Iterator[None]:
    """Turn what aiohttp raises into errors of ours."""
    import aiohttp

    try:
        yield
    except TimeoutError as exc:
        raise GatewayTimeoutError(
            f"Ray at {head.dashboard_url} did not answer in time when asked to {operation}.",
            system="Ray",
            operation=operation,
            hint="The machine may be overloaded; try again.",
        ) from exc
    except (aiohttp.ClientError, OSError) as exc:
        raise GatewayUnavailableError(
            f"Ray does not answer at {head.dashboard_url}.",
            system="Ray",
            operation=operation,
            hint="See whether it runs with: rayspace cluster status",
            details={"dashboard_url": head.dashboard_url, "error": type(exc).__name__},
        ) from exc


@contextlib.contextmanager
def _understood(head: HeadAddress, operation: str) -> Iterator[None]:
    """Turn an answer that is not Ray's into an error of ours: any server may have its port now."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise GatewayError(
            f"What answers at {head.dashboard_url} is not a Ray that can be understood.",
            system="Ray",
            operation=operation,
            hint="Another program may have its port now; end the cluster with: rayspace cluster"
            " down",
            details={"dashboard_url": head.dashboard_url, "error": repr(exc)[:200]},
        ) from exc


def _status_error(
    head: HeadAddress, path: str, status: int, text: str, operation: str
) -> Exception:
    first = text.strip().splitlines()[-1][:300] if text.strip() else ""
    if status in {401, 403}:
        return AccessError(
            f"Ray at {head.dashboard_url} refuses the token.",
            hint="The cluster may have been started anew; adopt it again, or start one with up.",
            details={"status": status},
        )
    if status == 404 and path.startswith("/api/jobs/"):
        return JobNotFoundError(
            f"Ray at {head.dashboard_url} does not know what was asked for: {operation}.",
            hint="List jobs with: rayspace job list",
            details={"status": status},
        )
    if "already exists" in text:
        return ConflictError(
            "A job of that name runs on the cluster already.",
            hint="Submit again: each submission gets a name of its own.",
            details={"status": status},
        )
    return GatewayError(
        f"Ray answered {status} when asked to {operation}: {first}",
        system="Ray",
        operation=operation,
        hint="See the head's log with: rayspace cluster logs",
        details={"status": status},
    )


def _live_job(data: Mapping[str, Any]) -> LiveJob:
    return LiveJob(
        submission_id=str(data["submission_id"]),
        phase=LivePhase(data["status"]),
        message=str(data.get("message") or ""),
        exit_code=data.get("driver_exit_code"),
        started_ms=int(data.get("start_time") or 0),
        ended_ms=int(data.get("end_time") or 0),
        metadata={str(k): str(v) for k, v in (data.get("metadata") or {}).items()},
    )
