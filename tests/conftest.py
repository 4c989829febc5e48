"""Fixtures of all tests: a home of their own, notebooks, and one local cluster for many tests."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest

from rayspace.loop import run
from tests.laboratory import Lab, make_app

_HERE = Path(__file__).parent
#: Variables that would point a test at somebody's Ray, MLflow or home.
_FOREIGN = ("RAY_", "MLFLOW_", "RAYSPACE_", "XDG_", "JUPYTER_", "IPYTHON")


def pytest_configure() -> None:
    """Hear Ctrl-C, and let what is started hear it: a shell keeps it from background jobs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


#: What starts many clusters at once, and leaves no room for others: after all that is lighter.
_HEAVY = ("test_jobs", "test_lost_nodes", "test_chaos")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Say which tests share a process, where there are two, and begin with the lighter ones.

    Those on a Kubernetes wait for most of the time; the others use what it leaves. A head of Ray
    that does not come up within 30 s gives up, so that no more than that fits on two cores.
    """

    def weight(item: pytest.Item) -> int:
        return (
            _HEAVY.index(item.path.stem) + 1 if item.path.stem in _HEAVY and _is_there(item) else 0
        )

    items.sort(key=weight)
    for item in items:
        item.add_marker(pytest.mark.xdist_group("there" if _is_there(item) else "here"))


def _is_there(item: pytest.Item) -> bool:
    return item.path.relative_to(_HERE).parts[0] == "cluster"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let a machine that can't run Kubernetes run the other tests."""
    parser.addoption(
        "--no-cluster", action="store_true", help="leave out the tests on a real Kubernetes"
    )
    parser.addoption(
        "--screenshots", action="store_true", help="take pictures of the panel of JupyterLab"
    )


@pytest.fixture(scope="session", autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory):
    """Give the tests a home directory of their own, and none of the caller's settings."""
    home = tmp_path_factory.mktemp("home")
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(_FOREIGN):
                patch.delenv(name)
        patch.setenv("HOME", str(home))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
        yield home


@pytest.fixture
def taken_port():
    """Return a port that somebody listens on."""
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        yield server.getsockname()[1]


@pytest.fixture(scope="session")
def lab(own_home, tmp_path_factory: pytest.TempPathFactory):
    """Start one local cluster for all tests that only use it."""
    app = make_app(tmp_path_factory.mktemp("lab"), tmp_path_factory.mktemp("state"))
    run(app.clusters.up("laptop", name="lab"))
    yield Lab(app, "lab")
    run(app.clusters.down("lab"))
