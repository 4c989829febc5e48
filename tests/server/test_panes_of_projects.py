"""Projects below one root, each with runs of its own: a run's pane shows the place that has it."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

import mlflow
import pytest

from tests.server.jupyter_process import JupyterProcess

if TYPE_CHECKING:
    from pathlib import Path

PANE = "/rayspace/proxy/mlflow"
#: As a context of a cloud's Kubernetes may be called.
FAR = "arn:aws:eks:far"


class _Named(BaseHTTPRequestHandler):
    """Answers with the name of its server."""

    def do_GET(self) -> None:
        body = self.server.name.encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def tracking_servers():
    """Return addresses of two tracking servers, which answer with their names."""
    servers = {name: ThreadingHTTPServer(("127.0.0.1", 0), _Named) for name in ("east", "west")}
    for name, server in servers.items():
        server.name = name
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {name: f"http://127.0.0.1:{s.server_port}" for name, s in servers.items()}
    for server in servers.values():
        server.shutdown()
        server.server_close()


def _set(folder, **settings) -> None:
    (folder / ".rayspace").mkdir(parents=True)
    (folder / ".rayspace" / "config.json").write_text(json.dumps({"Rayspace": settings}))


def _tracked(uri: str) -> dict:
    # What this machine reaches as itself, and pods by another name.
    tracking = {"url": uri, "pod_url": "http://mlflow.example:5000"}
    return {FAR: {"context": "far", "namespace": "team", "tracking": tracking}}


@pytest.fixture(scope="module")
def projects(own_home, tracking_servers, tmp_path_factory):
    """Start a server on four projects: the root, two with servers of their own, and a played one.

    The last one is reached by a link.
    """
    root = tmp_path_factory.mktemp("projects")
    east, west = tracking_servers.values()
    _set(root, targets=_tracked(east))
    _set(root / "same", targets=_tracked(east))
    _set(root / "west", targets=_tracked(west), tracking_uri=west)
    played = tmp_path_factory.mktemp("elsewhere") / "played"
    _set(played, simulated=True)
    (root / "linked").symlink_to(played)
    home = tmp_path_factory.mktemp("jupyter")
    server = JupyterProcess(root, home, tmp_path_factory.mktemp("state"))
    yield server.start()
    server.stop()


async def _led(server, target: str, path: str) -> str:
    """Return where a pane for a file of a project is, below the base of all panes."""
    quoted = target.replace(":", "%3A")
    answer = await server.ask("GET", f"{PANE}/{quoted}/?path={path}", allow_redirects=False)
    assert answer.status == 302, answer
    return answer.headers["Location"].removeprefix(PANE)


@pytest.mark.parametrize(
    ("target", "path", "name"),
    [
        (FAR, "train.ipynb", "east"),
        (FAR, "same/train.ipynb", "east"),
        (FAR, "west/train.ipynb", "west"),
        ("local", "west/train.ipynb", "west"),
    ],
)
async def test_a_pane_shows_the_tracking_server_of_the_project(projects, target, path, name):
    """Also after another project has asked for its own on a target of the same name."""
    for of in (path, "train.ipynb", "west/train.ipynb"):
        await projects.ask("GET", f"{PANE}{await _led(projects, FAR, of)}version")
    place = await _led(projects, target, path)
    answer = await projects.ask("GET", f"{PANE}{place}version")

    assert (answer.status, answer.text) == (200, name)
    assert ("west" in place) == (name == "west")


@pytest.fixture(scope="module")
def linked_run(projects) -> tuple[Path, str]:
    """Return a database and a run in it, made before anybody looks: a look serves for a while."""
    database = (projects.root / "linked").resolve() / "mlflow.db"
    client = mlflow.MlflowClient(f"sqlite:///{database}")
    return database, client.create_run("0", run_name="linked").info.run_id


@pytest.mark.parametrize("target", ["local", "simulated"])
async def test_a_pane_opens_the_database_that_holds_the_run(projects, linked_run, target):
    """Each project of this machine has one, also where a link leads to it."""
    database, run_id = linked_run
    found = await projects.get(f"/rayspace/runs?path=linked/train.ipynb&target={target}")
    run = next(run for run in found["runs"] if run["run_id"] == run_id)
    pane = run["link"].partition("#")[0]
    asked = await projects.ask("GET", f"/{pane}ajax-api/2.0/mlflow/runs/get?run_id={run_id}")

    assert found["tracking_uri"] == f"sqlite:///{database}"
    assert asked.status == 200, asked
    assert asked.json["run"]["info"]["run_name"] == "linked"
    assert f"/{pane}" == PANE + await _led(projects, target, "linked/train.ipynb")
