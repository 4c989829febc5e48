"""What an administrator gives to every cluster of a namespace, unless a profile says otherwise."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rayspace.model.profile import PodOptions

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Its key in the ConfigMap that holds the profiles of a namespace.
DEFAULTS_KEY = "defaults.yaml"


@dataclass(frozen=True)
class Defaults:
    """What lies under every profile of a namespace.

    Parameters
    ----------
    registries
        Where images are to be had here: prefixes of their names, and what stands for each.
    env
        Environment variables of every Ray process; those of the package index, the proxy and the
        bundle of certificates are among them.
    ca_bundle
        ``CONFIGMAP/KEY`` of the certificates that are mounted into every Ray container; empty for
        none.
    pods
        The rest: what a profile leaves out is as it is here; lists and mappings are joined.
    path
        Where they were read.
    """

    registries: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    ca_bundle: str = ""
    pods: PodOptions = PodOptions()
    path: str = ""
