"""Where clusters are, by a name."""

from __future__ import annotations

from dataclasses import dataclass

#: This machine.
LOCAL = "local"
#: The Kubernetes cluster in which this program runs.
IN_CLUSTER = "in-cluster"


@dataclass(frozen=True)
class Target:
    """A namespace of a Kubernetes cluster.

    Parameters
    ----------
    name
        What people call it.
    context
        Context of the kubeconfig; empty for the cluster in which this program runs.
    namespace
        The namespace.
    source
        Who named it: ``settings``, ``kubeconfig``, ``used`` (asked for by context before) or
        ``pod``.
    """

    name: str
    context: str
    namespace: str
    source: str = "settings"
