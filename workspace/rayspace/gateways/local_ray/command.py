"""The command lines and environments of a head and of a worker: values in, values out.

Sources: ``ray start --help`` of Ray 2.60 and its scripts.py. Every port is given, since Ray's fixed
defaults (agent 52365, client 10001, dashboard 8265) let only one head run on a machine.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from rayspace.core.manifests.driver_slots import RESOURCE, START_TIMEOUT, n_driver_slots
from rayspace.gateways.local_ray.processes import MARKER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.model.profile import NodeResources

#: Purposes of the ports of a head and of a worker.
HEAD_PORTS = (
    "gcs",
    "dashboard",
    "client",
    "agent_http",
    "agent_grpc",
    "runtime_env_agent",
    "metrics",
    "node_manager",
    "object_manager",
)
WORKER_PORTS = HEAD_PORTS[3:]

#: On Linux all of 127/8 is this machine. 127.0.0.1 would be replaced by Ray with the address of
#: the network card, which changes when a laptop moves; 127.0.0.2 is kept.
NODE_IP = "127.0.0.2" if sys.platform == "linux" else "127.0.0.1"
#: Share of the machine's memory for objects of a head, and its upper end.
_OBJECT_STORE_FRACTION = 0.2
_OBJECT_STORE_MAX_BYTES = 4 * 2**30
#: Ray refuses less. Source: ray/_private/ray_constants.py, OBJECT_STORE_MINIMUM_MEMORY_BYTES.
_OBJECT_STORE_MIN_BYTES = 78_643_200
#: Share of the machine's memory for tasks of a head that names none; the rest is for the laptop.
_TASK_MEMORY_FRACTION = 0.6


def object_store_bytes(resources: NodeResources, machine_memory_bytes: int) -> int:
    """Choose the size of the object store.

    Parameters
    ----------
    resources
        What the node was asked with.
    machine_memory_bytes
        Memory of the machine. [bytes]

    Returns
    -------
    int
        The size that was asked for, else a fifth of the node's memory up to 4 GiB. [bytes]
    """
    if resources.object_store_memory_bytes is not None:
        return max(resources.object_store_memory_bytes, _OBJECT_STORE_MIN_BYTES)
    whole_bytes = resources.memory_bytes or machine_memory_bytes
    wished = min(int(whole_bytes * _OBJECT_STORE_FRACTION), _OBJECT_STORE_MAX_BYTES)
    return max(wished, _OBJECT_STORE_MIN_BYTES)


def _common(
    resources: NodeResources, ports: Mapping[str, int], temp_dir: str, machine_memory_bytes: int
) -> list[str]:
    memory_bytes = resources.memory_bytes or int(machine_memory_bytes * _TASK_MEMORY_FRACTION)
    words = [
        "--block",
        "--log-color=false",
        "--disable-usage-stats",
        f"--node-ip-address={NODE_IP}",
        f"--temp-dir={temp_dir}",
        f"--dashboard-agent-listen-port={ports['agent_http']}",
        f"--dashboard-agent-grpc-port={ports['agent_grpc']}",
        f"--runtime-env-agent-port={ports['runtime_env_agent']}",
        f"--metrics-export-port={ports['metrics']}",
        f"--node-manager-port={ports['node_manager']}",
        f"--object-manager-port={ports['object_manager']}",
        # Zero: any free port, so that two clusters do not fight over 10002 to 19999.
        "--min-worker-port=0",
        "--max-worker-port=0",
        f"--memory={memory_bytes}",
        f"--object-store-memory={object_store_bytes(resources, machine_memory_bytes)}",
    ]
    if resources.cpus is not None:
        words.append(f"--num-cpus={resources.cpus:g}")
    if resources.gpus:
        words.append(f"--num-gpus={resources.gpus}")
    return words


def head_command(
    python: str,
    resources: NodeResources,
    ports: Mapping[str, int],
    temp_dir: str,
    machine_memory_bytes: int,
) -> list[str]:
    """Write the command line of a head.

    Parameters
    ----------
    python
        The interpreter that has Ray.
    resources
        What Ray may schedule on it.
    ports
        A port for each of `HEAD_PORTS`. [1]
    temp_dir
        Ray's temporary directory, at most 39 characters.
    machine_memory_bytes
        Memory of the machine. [bytes]

    Returns
    -------
    list of str
        Program and arguments.
    """
    n_slots = n_driver_slots(
        resources.cpus or os.cpu_count() or 1, resources.memory_bytes or machine_memory_bytes
    )
    return [
        *(python, "-m", "ray.scripts.scripts", "start", "--head"),
        f"--port={ports['gcs']}",
        "--dashboard-host=127.0.0.1",
        f"--dashboard-port={ports['dashboard']}",
        f"--ray-client-server-port={ports['client']}",
        f"--resources={json.dumps({RESOURCE: n_slots})}",
        *_common(resources, ports, temp_dir, machine_memory_bytes),
    ]


def worker_command(
    python: str,
    resources: NodeResources,
    ports: Mapping[str, int],
    temp_dir: str,
    machine_memory_bytes: int,
    gcs_address: str,
) -> list[str]:
    """Write the command line of a worker; parameters as for `head_command`."""
    return [
        *(python, "-m", "ray.scripts.scripts", "start", f"--address={gcs_address}"),
        *_common(resources, ports, temp_dir, machine_memory_bytes),
    ]


def process_env(
    base: Mapping[str, str], extra: Mapping[str, str], *, uid: str, token_path: str
) -> dict[str, str]:
    """Choose the environment of a Ray process.

    Parameters
    ----------
    base
        The environment of this program.
    extra
        Variables of the profile.
    uid
        Id of the cluster, by which its processes are recognised.
    token_path
        File with the token.

    Returns
    -------
    dict of str to str
        The environment, without what would join another Ray or another job.
    """
    foreign = ("RAY_", "RAYSPACE_", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID", "PYTHONSTARTUP")
    env = {name: value for name, value in base.items() if not name.startswith(foreign)}
    # A kernel names its own drawing backend, which no other process can import.
    env.pop("MPLBACKEND", None)
    env.update(extra)
    env.update(
        {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN_PATH": token_path,
            "RAY_USAGE_STATS_ENABLED": "0",
            START_TIMEOUT[0]: START_TIMEOUT[1],
            MARKER: uid,
            "PYTHONUNBUFFERED": "1",
        }
    )
    return env
