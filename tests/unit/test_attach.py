"""Pointing Ray at a cluster: what is set, what is left alone, and what is given back."""

from __future__ import annotations

import dataclasses
import os
import sys
import types

import pytest

from rayspace import attach
from rayspace.errors import AccessError, GatewayError, PhaseError
from rayspace.gateways.memory.clusters import MemoryClusterGateway, MemoryWorld
from rayspace.loop import run
from rayspace.model.cluster import ClusterSpec, HeadAddress
from rayspace.model.progress import silent
from tests.factories import a_cluster

#: Clusters of this machine are reached without it.
APP = None
PATIENCE = "RAY_CLIENT_RECONNECT_GRACE_PERIOD"
NAMES = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH", PATIENCE)


class FakeRay(types.ModuleType):
    """A Ray that tells what it was asked; its client fails as the real one does, some times."""

    def __init__(self) -> None:
        super().__init__("ray")
        self.failures = 0
        self.calls: list[str] = []
        self.address = ""
        #: Each reading of the environment, as it was then.
        self.readings: list[dict[str, str]] = []
        self._raylet = types.ModuleType("ray._raylet")
        self._raylet.Config = types.SimpleNamespace(initialize=self._read)
        loader = types.SimpleNamespace(reset_cache=lambda: None)
        self._raylet.AuthenticationTokenLoader = types.SimpleNamespace(instance=lambda: loader)

    def _read(self, text: str) -> None:
        self.readings.append(variables())

    def is_initialized(self) -> bool:
        return bool(self.address)

    def get_runtime_context(self) -> types.SimpleNamespace:
        return types.SimpleNamespace(gcs_address=self.address)

    def init(self, address: str, **options: object) -> None:
        self.calls.append(address)
        if len(self.calls) <= self.failures:
            raise ConnectionAbortedError("Initialization failure from server: failed. Sorry.")
        self.address = address

    def shutdown(self) -> None:
        self.address = ""


def variables() -> dict[str, str]:
    """Return what tells Ray where to go."""
    return {name: os.environ[name] for name in NAMES if name in os.environ}


@pytest.fixture(autouse=True)
def ray(monkeypatch):
    """Let a Ray be imported that can be brought into any state."""
    fake = FakeRay()
    monkeypatch.setitem(sys.modules, "ray", fake)
    monkeypatch.setitem(sys.modules, "ray._raylet", fake._raylet)
    monkeypatch.delitem(sys.modules, "ray.util.client", raising=False)
    monkeypatch.setattr(attach, "_pointing", attach._Pointing())
    for name in NAMES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    return fake


def cluster(name: str):
    """Return a ready cluster with a token."""
    gateway = MemoryClusterGateway(MemoryWorld())
    state = run(gateway.create(ClusterSpec(name, "laptop"), silent))
    address = dataclasses.replace(state.address, token_path=f"/state/{name}/token")
    return dataclasses.replace(state, address=address)


@pytest.fixture
def state():
    """Return the cluster of most tests."""
    return cluster("lab")


def joins(state) -> dict[str, str]:
    """Return the variables by which ray.init() joins a cluster."""
    return {
        "RAY_ADDRESS": state.address.gcs_address,
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": state.address.token_path,
    }


def test_the_next_ray_init_joins_what_was_chosen_last(ray) -> None:
    """Ray, which is imported already, reads its environment again."""
    first, second = cluster("first"), cluster("second")
    assert (attach.activate(first), attach.activate(second)) == ("", "")
    assert variables() == joins(second)
    assert ray.readings == [joins(first), joins(second)]


def test_a_token_of_the_persons_own_does_not_hide_the_clusters(state, monkeypatch) -> None:
    """RAY_AUTH_TOKEN counts more than a file, and comes back afterwards."""
    monkeypatch.setenv("RAY_AUTH_TOKEN", "mine")
    attach.activate(state)
    assert variables() == joins(state)
    attach.deactivate()
    assert variables() == {"RAY_AUTH_TOKEN": "mine"}


def test_what_was_set_before_is_given_back(ray, state, monkeypatch) -> None:
    """Not what was set in between, and Ray reads it."""
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.1:6379")
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    earlier = variables()
    attach.activate(cluster("other"))
    attach.activate(state)
    attach.forget(state)
    assert variables() == earlier
    assert ray.readings[-1] == earlier
    attach.deactivate()
    assert variables() == earlier


def test_forgetting_another_cluster_changes_nothing(state) -> None:
    """Only what is pointed at is given up."""
    attach.activate(state)
    attach.forget(cluster("other"))
    assert variables() == joins(state)


def test_a_connection_stays_when_another_cluster_is_chosen(ray, state) -> None:
    """Neither its token nor its address is touched; the choice counts once it is let go of."""
    attach.activate(state)
    ray.address = state.address.gcs_address
    n_readings = len(ray.readings)
    other = cluster("other")
    assert attach.activate(other) == "lab"
    assert (variables(), len(ray.readings)) == (joins(state), n_readings)
    said = []
    attach.disconnect(said.append)
    assert not ray.is_initialized()
    assert variables() == joins(other)
    assert [s.text for s in said] == ["Detached from lab; ray.init() joins other"]


def test_a_client_that_fails_is_tried_again_and_it_is_said(ray, state) -> None:
    """One failure in ten is Ray's own; the second attempt is told and works."""
    ray.failures = 2
    said = []
    attach.connect(APP, state, said.append)
    assert ray.calls == ["ray://lab:10001"] * 3
    assert [s.text for s in said if "attempt" in s.text] == [
        "Ray Client failed to connect; attempt 2 of 4",
        "Ray Client failed to connect; attempt 3 of 4",
    ]
    assert attach.is_attached_to(state)
    assert variables() == joins(state) | {"RAY_ADDRESS": "ray://lab:10001"}
    attach.connect(APP, state, said.append)
    assert said[-1].text == "Attached to lab already"
    attach.disconnect(said.append)
    assert not attach.is_attached_to(state)
    assert said[-1].text == "Detached from lab"
    assert variables() == {}


@pytest.mark.parametrize("error", [ConnectionError("failed. Sorry."), KeyboardInterrupt()])
def test_a_client_that_does_not_connect_leaves_things_as_they_were(ray, state, error) -> None:
    """Also when it is interrupted: ray.init() joins what was chosen before."""
    chosen = cluster("chosen")
    attach.activate(chosen)

    def fail(address: str, **options: object) -> None:
        ray.calls.append(address)
        raise error

    ray.init = fail
    with pytest.raises((GatewayError, KeyboardInterrupt)):
        attach.connect(APP, state, silent)
    assert variables() == joins(chosen)


def test_a_client_that_never_connects_is_one_error(ray, state) -> None:
    """After four attempts the sentence of Ray is told, with another way."""
    ray.failures = 9
    with pytest.raises(GatewayError, match="Initialization failure") as caught:
        attach.connect(APP, state, silent)
    assert len(ray.calls) == 4
    assert "ray.init()" in caught.value.hint


def test_a_session_that_is_connected_elsewhere_is_left_alone(ray, state, monkeypatch) -> None:
    """Connecting never takes a running Ray away, nor the token that it goes on reading."""
    ray.address = "10.0.0.9:6379"
    monkeypatch.setenv("RAY_AUTH_MODE", "token")
    monkeypatch.setenv("RAY_AUTH_TOKEN_PATH", "/mine/token")
    earlier = variables()
    with pytest.raises(PhaseError, match=r"connected to 10\.0\.0\.9:6379") as caught:
        attach.connect(APP, state, silent)
    assert "%ray_cluster disconnect" in caught.value.hint
    assert (ray.calls, ray.readings, variables()) == ([], [], earlier)


class FakeWorker:
    """What speaks for Ray Client; says that it is connected also when its session is lost."""

    def __init__(self, host: str) -> None:
        self._conn_str = host
        self._in_shutdown = False
        self.data_client = types.SimpleNamespace(_in_shutdown=False)

    def is_connected(self) -> bool:
        return not self._in_shutdown


class FakeClient(types.ModuleType):
    """Ray Client as `ray.util.client` shows it: connected, broken, or not there."""

    def __init__(self) -> None:
        super().__init__("ray.util.client")
        self.ray = self
        self.client_worker: FakeWorker | None = None

    def connect(self, url: str) -> None:
        assert self.client_worker is None, "Ray refuses to connect twice"
        self.client_worker = FakeWorker(url.removeprefix("ray://"))

    def get_context(self) -> FakeClient:
        return self


class FakeTunnel:
    """A way to a head that tells whether it is open."""

    def __init__(self, number: int) -> None:
        self.host = f"127.0.0.1:{5000 + number}"
        self.token_path = f"/connections/{number}"
        self.failure: Exception | None = None
        self.is_forwarded = True
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False


class FakeApp:
    """Opens ways, and remembers them."""

    def __init__(self) -> None:
        self.tunnels: list[FakeTunnel] = []
        self.on_gone = lambda: None

    async def open_tunnel(self, address, on_gone) -> FakeTunnel:
        assert address.cluster
        self.on_gone = on_gone
        self.tunnels.append(FakeTunnel(len(self.tunnels)))
        return self.tunnels[-1]


@pytest.fixture
def client(ray, monkeypatch):
    """Let Ray be connected by Ray Client."""
    fake = FakeClient()
    monkeypatch.setitem(sys.modules, "ray.util.client", fake)

    def init(address: str, **options: object) -> None:
        ray.calls.append(address)
        if len(ray.calls) <= ray.failures:
            raise ConnectionAbortedError("Initialization failure from server: failed. Sorry.")
        fake.connect(address)

    def shutdown() -> None:
        fake.client_worker = None

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", shutdown)
    # What the end of this process would close is closed by the tests.
    monkeypatch.setattr(attach.atexit, "register", lambda call: call)
    return fake


def far_cluster(name: str):
    """Return a ready cluster on Kubernetes."""
    address = HeadAddress("https://api", "", f"rayspace://{name}@prod", "", "prod", "team-a", name)
    return a_cluster(name=name, target="prod", namespace="team-a", address=address)


def goes_by(tunnel: FakeTunnel, name: str) -> dict[str, str]:
    """Return the variables of a connection to a cluster on Kubernetes."""
    return {
        "RAY_ADDRESS": f"rayspace://{name}@prod",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": tunnel.token_path,
        PATIENCE: "180",
    }


def test_a_cluster_on_kubernetes_is_joined_by_its_own_address(ray, client, monkeypatch) -> None:
    """Choosing it opens nothing, and leaves alone how Ray authenticates."""
    monkeypatch.setenv("RAY_AUTH_MODE", "disabled")
    assert attach.activate(far_cluster("far")) == ""
    assert variables() == {"RAY_ADDRESS": "rayspace://far@prod", "RAY_AUTH_MODE": "disabled"}
    attach.deactivate()
    assert variables() == {"RAY_AUTH_MODE": "disabled"}


def test_a_way_is_open_as_long_as_it_is_used(ray, client) -> None:
    """Connecting twice opens one; disconnecting closes it, and the choice counts again."""
    app, far, said = FakeApp(), far_cluster("far"), []
    attach.activate(far)
    attach.connect(app, far, said.append)
    (tunnel,) = app.tunnels
    assert ray.calls == ["ray://127.0.0.1:5000"]
    assert (attach.is_attached_to(far), attach.attached_name()) == (True, "far")
    assert attach.attached_target() == "prod"
    assert variables() == goes_by(tunnel, "far")
    attach.connect(app, far, said.append)
    assert (len(app.tunnels), said[-1].text) == (1, "Attached to far already")
    with pytest.raises(PhaseError, match="connected to far already"):
        attach.connect(app, far_cluster("other"), silent)
    attach.disconnect(said.append)
    assert (tunnel.is_open, client.client_worker) == (False, None)
    assert said[-1].text == "Detached from far; ray.init() joins far"
    assert attach.attached_target() == "local"
    assert variables() == {"RAY_ADDRESS": "rayspace://far@prod"}


def test_a_persons_own_patience_counts_more(client, monkeypatch) -> None:
    """Who wants a head to forget at once says so."""
    monkeypatch.setenv(PATIENCE, "5")
    attach.connect(FakeApp(), far_cluster("far"), silent)
    assert variables()[PATIENCE] == "5"
    attach.disconnect(silent)
    assert variables() == {PATIENCE: "5"}


def test_a_way_that_did_not_lead_there_is_closed_and_told(ray, client) -> None:
    """With its own reason where it has one: Ray knows of none."""
    app, far = FakeApp(), far_cluster("far")
    ray.failures = 9

    def fail(url: str) -> None:
        app.tunnels[-1].failure = AccessError("You may not forward ports.")
        raise ConnectionError("ray client connection timeout")

    with pytest.raises(GatewayError, match=r"'far': You may not forward ports\.") as caught:
        attach.connect(app, far, silent, fail)
    assert "rayspace cluster logs far" in caught.value.hint
    assert not app.tunnels[-1].is_open
    assert variables() == {}


def test_a_connection_whose_cluster_is_gone_is_given_up(client, caplog) -> None:
    """Who waits gets an error, and the next connect finds a Ray that is free."""
    app, far = FakeApp(), far_cluster("far")
    attach.connect(app, far, silent)
    app.on_gone()
    assert client.client_worker._in_shutdown
    assert "The cluster far is gone" in caplog.text
    assert not attach.is_attached_to(far)
    attach.connect(app, far, silent)
    assert attach.is_attached_to(far)
    assert [tunnel.is_open for tunnel in app.tunnels] == [False, True]
    # What an old way finds out late is nothing to the new one.
    attach.disconnect(silent)
    app.on_gone()
    assert client.client_worker is None


def test_a_session_that_a_new_head_does_not_know_is_none(client) -> None:
    """Ray calls it connected; the next connect begins anew, and disconnect says how it is."""
    app, far, said = FakeApp(), far_cluster("far"), []
    attach.connect(app, far, silent)
    client.client_worker.data_client._in_shutdown = True
    assert not attach.is_attached_to(far)
    attach.connect(app, far, silent)
    assert attach.is_attached_to(far)
    client.client_worker.data_client._in_shutdown = True
    attach.disconnect(said.append)
    assert (client.client_worker, said[-1].text) == (None, "Ray is not connected here")


def test_forgetting_a_cluster_closes_its_way(client) -> None:
    """After down; what was chosen is chosen no longer."""
    app, far = FakeApp(), far_cluster("far")
    attach.activate(far)
    attach.connect(app, far, silent)
    client.client_worker._in_shutdown = True
    attach.forget(far)
    assert not app.tunnels[-1].is_open
    assert variables() == {}
    assert attach.activate(dataclasses.replace(far, address=HeadAddress("", "", ""))) == ""
    assert variables() == {}
