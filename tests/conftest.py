"""Fixtures of all tests: a home of their own, notebooks, and one local cluster for many tests."""

from __future__ import annotations

import os
import signal
import socket

import pytest
from hypothesis import HealthCheck, settings

from rayspace.loop import run
from tests.laboratory import Lab, make_app

#: Variables that would point a test at somebody's Ray, MLflow or home.
_FOREIGN = ("RAY_", "MLFLOW_", "RAYSPACE_", "XDG_", "JUPYTER_", "IPYTHON")
#: What a developer tells the tests themselves.
_TOLD = {"RAYSPACE_KEEP_NAMESPACES", "RAYSPACE_TEST_CLUSTER"}


# How long an example takes says something of the machine, and nothing of what is tried.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure() -> None:
    """Hear Ctrl-C, and let what is started hear it: a shell keeps it from background jobs."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


#: What begins after all others, in this order: tests that share a Ray or a JupyterLab, so that none
#: of them idles beside tests that don't need it, and what starts many clusters at once.
_LAST = (
    "tests/local/",
    "tests/server/",
    "tests/browser/",
    "tests/cluster/test_jobs.py",
    "tests/cluster/test_lost_nodes.py",
    # Those with a real queue: it is installed once for all of them, and nothing else runs beside.
    "queueing",
    "tests/cluster/test_chaos.py",
)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Begin with the lighter tests, beside which others run."""

    def place(item: pytest.Item) -> tuple[int, bool]:
        path = item.path.relative_to(config.rootpath).as_posix()
        n = next((n for n, part in enumerate(_LAST, 1) if path.startswith(part)), 0)
        has_queue = "queueing" in getattr(item, "fixturenames", ())
        # In the last file they come first, where the others with a queue have just ended.
        at_least = _LAST.index("queueing") + 1 if has_queue else 0
        return max(n, at_least), not has_queue

    items.sort(key=place)


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
            if name.startswith(_FOREIGN) and name not in _TOLD:
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
