"""Pointing Ray at a cluster: what is set, what is left alone, and what is given back."""

from __future__ import annotations

import dataclasses
import os
import sys
import types

import pytest

from rayspace import attach
from rayspace.core.client_versions import check_versions
from rayspace.errors import GatewayError, PhaseError, VersionMismatchError
from rayspace.gateways.memory import MemoryClusterGateway, MemoryWorld
from rayspace.loop import run
from rayspace.model.cluster import ClusterSpec
from rayspace.model.progress import silent

#: Clusters of this machine are reached without it.
APP = None
NAMES = ("RAY_ADDRESS", "RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")


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


@pytest.mark.parametrize(
    ("ray_version", "python_version", "word"),
    [("", "3.11.7", "no Ray"), ("2.59.0", "3.11.7", "2.59.0"), ("2.60.0", "3.12.1", "3.12.1")],
)
def test_versions_that_do_not_fit_are_told_before(state, ray_version, python_version, word) -> None:
    """Ray would hang for half a minute, or crash at the first task."""
    with pytest.raises(VersionMismatchError, match=word):
        check_versions(state, "2.60.0", ray_version, python_version)


def test_versions_that_fit_pass(state) -> None:
    """A patch release of Python may differ."""
    check_versions(state, "2.60.0", "2.60.0", "3.11.2")
