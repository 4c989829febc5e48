"""In a pod the token of the head comes with the environment, and not in a file."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rayspace.app import App
from rayspace.errors import AccessError
from rayspace.loop import run

TOKEN = "t" * 32


class Head(BaseHTTPRequestHandler):
    """Answers whoever has the token."""

    def do_GET(self) -> None:
        is_known = self.headers.get("Authorization") == f"Bearer {TOKEN}"
        body = b'{"ray_version": "2.60.0"}' if is_known else b"{}"
        self.send_response(200 if is_known else 401)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_) -> None:
        """Say nothing."""


@pytest.fixture
def head():
    server = ThreadingHTTPServer(("127.0.0.1", 0), Head)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_job_reaches_its_own_head_with_the_token_of_its_pod(own_home, tmp_path, head) -> None:
    """Another program of this machine does not send what its environment happens to hold."""
    job = {"RAYSPACE_RUN_ID": "a-run", "RAYSPACE_DASHBOARD_URL": head, "RAY_AUTH_TOKEN": TOKEN}
    inside = App(tmp_path, {**job, "RAYSPACE_STATE_DIR": str(tmp_path)})
    address = run(inside.clusters.status()).address
    assert address.token_path == ""
    assert run(inside.head.version(address))["ray_version"] == "2.60.0"
    outside = App(tmp_path, {"RAY_AUTH_TOKEN": TOKEN, "RAYSPACE_STATE_DIR": str(tmp_path)})
    with pytest.raises(AccessError):
        run(outside.head.version(address))
