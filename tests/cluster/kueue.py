"""Kueue on demand, and nothing of it afterwards."""

from __future__ import annotations

import json
import shutil
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import yaml

from tests.cluster.binaries import KUEUE, build
from tests.cluster.store import HERE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.client import Cluster

#: Namespaces in which Kueue looks at what is made; its webhooks fail closed in all others.
LABEL = "rayspace-tests/queued"
_MANAGER = "deployment/kueue-controller-manager"
_WAIT = ("-n", "kueue-system", "wait", "--timeout=120s")


class OnDemand:
    """Kueue, installed by the first test that needs it and gone before one that does not.

    Parameters
    ----------
    cluster
        Where.
    """

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._stack = ExitStack()
        self._is_installed = False

    def install(self) -> None:
        """Install it, or wait until earlier tests have given back its quota."""
        if self._is_installed:
            _await_namespaces(self._cluster)
            return
        self._stack.enter_context(_installed(self._cluster))
        self._is_installed = True

    def remove(self) -> None:
        """Take all of it away if it is there."""
        if not self._is_installed:
            return
        self._is_installed = False
        self._stack.close()
        for kind in ("validatingwebhookconfigurations", "mutatingwebhookconfigurations", "crds",
                     "apiservices", "namespaces"):  # fmt: skip
            assert "kueue" not in self._cluster.kubectl("get", kind, "-o", "name")


@contextmanager
def _installed(cluster: Cluster) -> Iterator[None]:
    """Install Kueue with one queue of little quota, and take all of it away again."""
    text = yaml.safe_dump_all(_documents(cluster))
    queues = HERE / "manifests" / "kueue" / "queues.yaml"
    try:
        cluster.kubectl("apply", "--server-side", "-f", "-", stdin=text)
        cluster.kubectl(*_WAIT, "--for=condition=Available", _MANAGER)
        cluster.until_kubectl("apply", "-f", str(queues))
        yield
    finally:
        # Objects first, while there is somebody to take away their finalizers: those of
        # namespaces that are going, then the queues.
        _await_namespaces(cluster)
        for kind in ("clusterqueue/team", "resourceflavor/default-flavor"):
            cluster.try_kubectl("delete", kind, "--timeout=60s")
        cluster.kubectl("delete", "--ignore-not-found", "--timeout=120s", "-f", "-", stdin=text)


def _await_namespaces(cluster: Cluster) -> None:
    """Wait until the namespaces with a queue are gone, with all that they hold."""
    cluster.try_kubectl("wait", "--for=delete", "namespace", "-l", LABEL, "--timeout=120s")


def add_queue(cluster: Cluster, namespace: str, name: str = "queue") -> None:
    """Give a namespace a queue."""
    cluster.kubectl("label", "namespace", namespace, f"{LABEL}=true", "--overwrite")
    queue = {
        "apiVersion": "kueue.x-k8s.io/v1beta2",
        "kind": "LocalQueue",
        "metadata": {"name": name},
        "spec": {"clusterQueue": "team"},
    }
    cluster.until_kubectl("apply", "-f", "-", namespace=namespace, stdin=json.dumps(queue))


def _documents(cluster: Cluster) -> list[dict[str, Any]]:
    folder = cluster.layout.run_dir / "kueue"
    if not folder.exists():
        shutil.copytree(HERE / "manifests" / "kueue", folder)
        shutil.copytree(build(KUEUE) / "config", folder / "config")
    documents = [d for d in yaml.safe_load_all(cluster.kubectl("kustomize", str(folder))) if d]
    for document in documents:
        if not document["kind"].endswith("WebhookConfiguration"):
            continue
        for webhook in document["webhooks"]:
            if not all("kueue.x-k8s.io" in rule["apiGroups"] for rule in webhook["rules"]):
                webhook["namespaceSelector"] = {"matchLabels": {LABEL: "true"}}
    return documents
