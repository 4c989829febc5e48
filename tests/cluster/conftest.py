"""The cluster, started once, and a namespace for each test."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from rayspace.errors import GatewayError
from tests.cluster import front, kueue, operators
from tests.cluster.store import ROOT
from tests.waiting import SLOW_S

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator

    from tests.cluster.client import Cluster


_HERE = Path(__file__).parent
_LEFT_OUT = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the tests of this folder if asked to."""
    if not config.getoption("--no-cluster"):
        return
    mine = [item for item in items if _HERE in item.path.parents]
    config.stash[_LEFT_OUT] = len(mine)
    config.hook.pytest_deselected(items=mine)
    items[:] = [item for item in items if _HERE not in item.path.parents]


def pytest_collection_finish(session: pytest.Session) -> None:
    """Build what is missing before the first test, in plain sight: it may take half an hour."""
    if session.config.option.collectonly:
        return
    if any(_HERE in item.path.parents for item in session.items):
        capture = session.config.pluginmanager.getplugin("capturemanager")
        with capture.global_and_fixture_disabled():
            front.prepare()
            if any(item.path.name == "test_companies.py" for item in session.items):
                operators.prepare()


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """Say what did not run."""
    if n_left_out := config.stash.get(_LEFT_OUT, 0):
        terminalreporter.write_line(
            f"--no-cluster: {n_left_out} tests on a real Kubernetes DID NOT RUN", yellow=True
        )


@pytest.fixture(scope="package")
def cluster() -> Iterator[Cluster]:
    """Start the cluster, or use the one that a developer has started.

    It ends with the last test of this folder: it would take half a core from the others.
    """
    was_running = front.is_running()
    made = front.up(is_mine=True)
    yield made
    if not was_running:
        front.down()


@pytest.fixture(scope="package")
def kueue_on_demand(cluster: Cluster) -> Iterator[kueue.OnDemand]:
    """Have a place for Kueue, which is not there yet."""
    made = kueue.OnDemand(cluster)
    yield made
    made.remove()


@pytest.fixture
def queueing(kueue_on_demand: kueue.OnDemand) -> None:
    """Have Kueue, with one queue."""
    kueue_on_demand.install()


@pytest.fixture(autouse=True)
def without_queues(request: pytest.FixtureRequest) -> None:
    """Have no Kueue where a test does not ask for it: its webhooks look at what others make."""
    if "cluster" in request.fixturenames and "queueing" not in request.fixturenames:
        request.getfixturevalue("kueue_on_demand").remove()


@dataclass(frozen=True)
class Namespace:
    """A namespace of one test, with the rights that the product ships.

    Parameters
    ----------
    cluster
        Its cluster.
    name
        Its name.
    """

    cluster: Cluster
    name: str

    def kubectl(self, *words: str, user: str = "scientist", stdin: str | None = None) -> str:
        """Run kubectl here as a user, and return what it printed."""
        return self.cluster.kubectl(*words, user=user, namespace=self.name, stdin=stdin)

    def try_kubectl(
        self, *words: str, user: str = "scientist", stdin: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run kubectl here as a user, whatever comes of it."""
        return self.cluster.try_kubectl(*words, user=user, namespace=self.name, stdin=stdin)

    def read(
        self, kind: str, name: str = "", *, user: str = "scientist", selector: str = ""
    ) -> Any:
        """Return an object, or a list of those that labels select: see `Reader`."""
        return self.cluster.read(kind, name, user=user, namespace=self.name, selector=selector)

    def items(self, kind: str, *, user: str = "scientist", selector: str = "") -> list[Any]:
        """Return the objects of a kind that labels select."""
        return self.read(kind, user=user, selector=selector)["items"]

    def until(self, what: str, read: Callable[[], Any], timeout_s: float = SLOW_S) -> Any:
        """Return the first thing that is true, and say what was waited for if none comes.

        What is asked may be slow to answer, or be away: it is asked again.
        """
        began_s = time.monotonic()
        while True:
            failure: GatewayError | None = None
            try:
                if value := read():
                    return value
            except GatewayError as exc:
                failure = exc
            waited_s = time.monotonic() - began_s
            assert waited_s < timeout_s, f"not after {timeout_s:g} s: {what}; {failure or ''}"
            # Who looks takes time from what is waited for: less often, the longer it takes.
            time.sleep(min(1.0, max(0.2, waited_s / 20)))


@pytest.fixture
def namespace(cluster: Cluster, request: pytest.FixtureRequest) -> Iterator[Namespace]:
    """Make a namespace with the product's Roles, bound to a scientist and a viewer."""
    with made_namespace(cluster, request.node.name) as made:
        yield made


@contextlib.contextmanager
def made_namespace(cluster: Cluster, title: str) -> Iterator[Namespace]:
    """Make such a namespace, named after what it is for, and take it away again."""
    stem = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40].strip("-")
    name = f"{stem}-{secrets.token_hex(3)}"
    cluster.kubectl("create", "namespace", name)
    made = Namespace(cluster, name)
    made.kubectl("apply", "-f", str(ROOT / "templates" / "kubernetes" / "rbac.yaml"), user="admin")
    bind = ("create", "rolebinding")
    made.kubectl(*bind, "scientist", "--role=rayspace-user", "--user=scientist", user="admin")
    made.kubectl(*bind, "viewer", "--clusterrole=view", "--user=viewer", user="admin")
    account = ("get", "serviceaccount", "default")
    made.until("its account", lambda: made.try_kubectl(*account, user="admin").returncode == 0)
    try:
        yield made
    finally:
        if not os.environ.get("RAYSPACE_KEEP_NAMESPACES"):
            cluster.kubectl("delete", "namespace", name, "--wait=false")


def is_ready(cluster: Cluster, node: str) -> bool:
    """Whether Kubernetes takes a node for ready; one that it does not know is not."""
    if cluster.try_kubectl("get", "node", node).returncode:
        return False
    conditions = cluster.read("nodes", node)["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


@pytest.fixture
def node_b(cluster: Cluster) -> Iterator[str]:
    """Have a second real node, and take it away."""
    cluster.order("add_node")
    deadline_s = time.monotonic() + 120
    while not is_ready(cluster, "node-b"):
        assert time.monotonic() < deadline_s, "node-b is not Ready"
        time.sleep(0.2)
    yield "node-b"
    cluster.order("remove_node")
    cluster.kubectl("delete", "node", "node-b")
