"""What the administrator of a namespace set, in one ConfigMap.

Profiles and what lies under all of them, limits, and the image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rayspace.core.limits.limits import parse_limits
from rayspace.core.profiles.defaults import parse_defaults
from rayspace.errors import NotFoundError, RefusedError
from rayspace.gateways.kube.client import object_path
from rayspace.model.defaults import DEFAULTS_KEY, Defaults
from rayspace.model.limits import LIMITS_CONFIG_MAP, LIMITS_KEY, Limits
from rayspace.model.profile_entry import ProfileFile

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.kube.client import KubeClient

#: Keys of the ConfigMap with the image of clusters that name none; the second for GPUs.
_IMAGE, _GPU_IMAGE = "image", "image-gpu"
_SUFFIX = ".yaml"


@dataclass(frozen=True)
class Configuration:
    """What an administrator set in a namespace.

    Parameters
    ----------
    profiles
        Profile files.
    limits
        What one cluster may ask for.
    defaults
        What lies under every profile.
    image, gpu_image
        Images of clusters that name none, where ``{ray}`` and ``{python}`` stand for the versions
        of whoever starts one; empty for the official ones.
    is_read
        Whether it could be read; what is set where it may not be is not known.
    """

    profiles: tuple[ProfileFile, ...] = ()
    limits: Limits = Limits()
    defaults: Defaults = Defaults()
    image: str = ""
    gpu_image: str = ""
    is_read: bool = True


async def read_configuration(client: KubeClient) -> Configuration:
    """Read what is set; nothing where there is no ConfigMap, or it may not be read."""
    try:
        return await readable_configuration(client)
    except RefusedError:
        return Configuration(is_read=False)


async def readable_configuration(client: KubeClient) -> Configuration:
    """Read what is set; `RefusedError` where it may not be read, which is not the same as none."""
    namespace = client.target.namespace
    where = f"configmap {LIMITS_CONFIG_MAP} of {namespace}"
    try:
        answer = await client.get(
            object_path("v1", namespace, "configmaps", LIMITS_CONFIG_MAP),
            operation=f"read the {where}",
        )
    except NotFoundError:
        return Configuration()
    data: Mapping[str, Any] = answer.get("data") or {}
    text, below = data.get(LIMITS_KEY), data.get(DEFAULTS_KEY)
    return Configuration(
        profiles=tuple(
            ProfileFile(key.removesuffix(_SUFFIX), "namespace", f"{where}, {key}", str(value))
            for key, value in sorted(data.items())
            if key.endswith(_SUFFIX) and key not in {LIMITS_KEY, DEFAULTS_KEY}
        ),
        limits=parse_limits(str(text), path=f"{where}, {LIMITS_KEY}") if text else Limits(),
        defaults=parse_defaults(str(below), path=f"{where}, {DEFAULTS_KEY}")
        if below
        else Defaults(),
        image=str(data.get(_IMAGE, "")).strip(),
        gpu_image=str(data.get(_GPU_IMAGE, "")).strip(),
    )
