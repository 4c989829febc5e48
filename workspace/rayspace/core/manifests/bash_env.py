"""Give the shells that KubeRay starts Ray with a text that they read first.

KubeRay writes the commands of its pods itself, and runs them with bash, which reads the file of
``BASH_ENV`` before, in place of one that the image names; who sets that variable keeps this off.
The text is an annotation of the pod, which needs no other object; a volume shows it to Ray's
container, and to the one that KubeRay puts before a worker's, which has the environment and the
mounts of Ray's.
Source: ray-operator/controllers/ray/common/pod.go of KubeRay 1.5 and 1.6.
"""

from __future__ import annotations

from typing import Any

_ANNOTATION = "rayspace.dev/bash-env"
_VOLUME = "rayspace-bash-env"
_DIR, _FILE = "/etc/rayspace-bash-env", "functions.sh"
_VARIABLE = "BASH_ENV"
#: So that only KubeRay's own shells read it, and no program that Ray starts.
_FIRST = f"unset {_VARIABLE}\n"


def with_bash_env(template: dict[str, Any], text: str) -> dict[str, Any]:
    """Return the template of a pod whose shells read a text before they do anything.

    Parameters
    ----------
    template
        The template, whose first container is Ray's. It stays as it is.
    text
        Lines for bash.

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
    annotations = {**metadata.get("annotations", {}), _ANNOTATION: _FIRST + text}
    return {
        **template,
        "metadata": {**metadata, "annotations": annotations},
        "spec": {
            **pod,
            "containers": [ray, *others],
            "volumes": [*pod.get("volumes", []), volume],
        },
    }
