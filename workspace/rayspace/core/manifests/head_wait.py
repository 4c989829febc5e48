"""Let a worker begin as soon as its head answers.

KubeRay puts a container before each worker that asks ``ray health-check``, and again five seconds
after an answer of no. Under its fifth of a CPU Ray takes six seconds to import, each time. Bash
needs none of that to connect to the port: a function by the name of the program does so, and leaves
to the program itself all else, and what it could not find out.

The function comes by ``BASH_ENV``, since that container has the environment and the mounts of
Ray's, and nothing else of it can be set; its text is an annotation of the pod, which needs no other
object. It is forgotten where Ray itself starts.
Source: DefaultWorkerPodTemplate in ray-operator/controllers/ray/common/pod.go of KubeRay 1.5, 1.6.
"""

from __future__ import annotations

from typing import Any

_ANNOTATION = "rayspace.dev/head-wait"
_VOLUME = "rayspace-head-wait"
_DIR, _FILE = "/etc/rayspace-head-wait", "functions.sh"
_VARIABLE = "BASH_ENV"
#: Asked too early, the name of the head is not there yet, and a DNS remembers that for seconds;
#: asked often by many workers, it has much to answer. All is over before the minute after which it
#: is told that a worker does not reach its head: KubeRay's container speaks between two questions.
_FUNCTIONS = """\
unset BASH_ENV
# KubeRay gives this to Ray's own container alone.
[ -n "${KUBERAY_GEN_RAY_START_CMD:-}" ] || ray() {
  if [ "$#" = 3 ] && [ "$1 $2" = "health-check --address" ]; then
    local end=$((SECONDS + 30)) pause=2
    while ((SECONDS < end)); do
      sleep "$pause"
      timeout 2 bash -c 'exec 3<>"/dev/tcp/${0%:*}/${0##*:}"' "$3" 2>/dev/null && return
      pause=$((pause < 4 ? pause + 1 : 4))
    done
  fi
  command ray "$@"
}
"""


def with_head_wait(template: dict[str, Any]) -> dict[str, Any]:
    """Return the template of a worker's pod, with what makes its wait short.

    Parameters
    ----------
    template
        The template, whose first container is Ray's. It stays as it is.

    Returns
    -------
    dict
        The template with it, or as it was where bash reads another file of its own.
    """
    pod = template["spec"]
    ray, *others = pod["containers"]
    env = ray.get("env", [])
    if any(variable["name"] == _VARIABLE for variable in env):
        return template
    source = {"fieldRef": {"fieldPath": f"metadata.annotations['{_ANNOTATION}']"}, "path": _FILE}
    mount = {"name": _VOLUME, "mountPath": _DIR, "readOnly": True}
    volume = {"name": _VOLUME, "downwardAPI": {"items": [source]}}
    ray = {
        **ray,
        "env": [*env, {"name": _VARIABLE, "value": f"{_DIR}/{_FILE}"}],
        "volumeMounts": [*ray.get("volumeMounts", []), mount],
    }
    metadata = template["metadata"]
    annotations = {**metadata.get("annotations", {}), _ANNOTATION: _FUNCTIONS}
    return {
        **template,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {
            **pod,
            "containers": [ray, *others],
            "volumes": [*pod.get("volumes", []), volume],
        },
    }
