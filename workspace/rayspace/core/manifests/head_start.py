"""Let a head be ready soon after its container runs.

Ray starts a dozen programs in Python at once on a head, which take ten CPU seconds before it can be
used: under a limit of one CPU that is ten seconds of waiting, and longer under less. A head may use
more CPUs than it asks for, where they are free and nobody counts what it may use. What is asked for
stays as it is, so a node and a quota of requests hold as many heads as before, and Ray is told how
many tasks it may run. Heads whose containers all use what they ask for are left alone: Kubernetes
ends such pods last where a node runs out of memory.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-qos/

Then the dashboard asks three addresses in the network what cloud it is in, one after the other,
also where nothing is reported, and answers nobody meanwhile: two seconds where nobody answers it.
It asks none where a file of ``ray up`` in the home directory could tell; one that tells nothing
will do. Ray Tune also takes the file for a sign of a cluster, and waits for its nodes.
Sources: get_cluster_config_to_report in ray/_common/usage/usage_lib.py of Ray 2.60, and
UsageStatsHead, which calls it; ray/tune/execution/cluster_info.py; BuildPod in
ray-operator/controllers/ray/common/pod.go of KubeRay 1.5 and 1.6.
"""

from __future__ import annotations

from typing import Any

#: More make the start no shorter by much: one program waits for the other. [1]
_BURST_CPUS = 2.0
#: Where the home directory can't be written, Ray asks.
NO_CLOUD_SEARCH = (
    "[ -e ~/ray_bootstrap_config.yaml ]"
    " || { echo '{} # of rayspace: no cloud to ask for' >~/ray_bootstrap_config.yaml; } 2>/dev/null"
    " || :"
)
_OWN_COMMAND = "ray.io/overwrite-container-cmd"


def head_cpu_limit(cpus: float, *, may_burst: bool) -> float:
    """Return how many CPUs a head may use. [1].

    Parameters
    ----------
    cpus
        How many it asks for. [1]
    may_burst
        Whether it may be more.
    """
    return max(cpus, _BURST_CPUS) if may_burst else cpus


def without_cloud_search(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a RayCluster whose head does not search for the cloud it is in.

    KubeRay runs what a container has for a command before it starts Ray.

    Parameters
    ----------
    manifest
        The RayCluster, with all that anybody wants in it. It stays as it is.

    Returns
    -------
    dict
        The cluster, or the same where the head has words of its own for that.
    """
    template = manifest["spec"]["headGroupSpec"]["template"]
    ray, *others = template["spec"]["containers"]
    annotations = template.get("metadata", {}).get("annotations") or {}
    if ray.get("command") or ray.get("args") or _OWN_COMMAND in annotations:
        return manifest
    containers = [{**ray, "command": [NO_CLOUD_SEARCH]}, *others]
    pod = {**template["spec"], "containers": containers}
    head = {**manifest["spec"]["headGroupSpec"], "template": {**template, "spec": pod}}
    return {**manifest, "spec": {**manifest["spec"], "headGroupSpec": head}}
