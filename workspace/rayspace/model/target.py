"""Where clusters are, by a name."""

from __future__ import annotations

from dataclasses import dataclass

#: This machine.
LOCAL = "local"
#: The Kubernetes cluster in which this program runs.
IN_CLUSTER = "in-cluster"
#: A namespace of Kubernetes that is only played, for looking around where there is none.
SIMULATED = "simulated"
#: Ways to the heads of a target: the first that works; from inside of Kubernetes; through the API
#: server; by forwarded ports; by a URL that an administrator gives to each.
AUTO, DIRECT, PROXY, PORT_FORWARD, URL = WAYS = (
    "auto",
    "direct",
    "proxy",
    "port-forward",
    "url",
)


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
        Who named it: ``settings``, ``kubeconfig``, ``used`` (asked for by context before),
        ``pod`` or ``simulated``.
    access
        How its heads are reached: ``auto``, ``direct``, ``proxy``, ``port-forward`` or ``url``.
    url
        Template of their URLs, where that is the way; empty elsewhere.
    """

    name: str
    context: str
    namespace: str
    source: str = "settings"
    access: str = AUTO
    url: str = ""
