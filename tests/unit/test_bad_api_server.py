"""An API server that can't be trusted, or is not well, as a person meets it."""

from __future__ import annotations

import base64
import json
import os
import ssl
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rayspace.app import App
from rayspace.errors import (
    AccessError,
    GatewayError,
    GatewayTimeoutError,
    GatewayUnavailableError,
    RayspaceError,
)
from rayspace.gateways.kube import client as kube_client
from rayspace.loop import run
from tests.unit.watcher.stage import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from rayspace.model.progress import Stage


@contextmanager
def server(directory: Path, status: int, body: bytes) -> Iterator[str]:
    """Serve one answer to everything, with a certificate; 0 for no answer at all."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            if status == 0:
                over.wait(30)
                return
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Retry-After", "0")
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PATCH = do_DELETE = _answer  # noqa: N815  as the server looks for them

        def log_message(self, *_: Any) -> None:
            return

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "ca.crt", directory / "key.pem")
    made = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made.daemon_threads = True
    made.socket = context.wrap_socket(made.socket, server_side=True)
    thread = threading.Thread(target=made.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"https://127.0.0.1:{made.server_address[1]}"
    finally:
        over.set()
        made.shutdown()
        thread.join()
        made.server_close()


def app_of(directory: Path, url: str, trusted: Path) -> App:
    """Return what a person has whose kubeconfig names a server and whom to trust."""
    authority = base64.b64encode((trusted / "ca.crt").read_bytes()).decode()
    config = {
        "clusters": [
            {"name": "c", "cluster": {"server": url, "certificate-authority-data": authority}}
        ],
        "users": [{"name": "u", "user": {"token": "a-token-of-mine"}}],
        "contexts": [{"name": "dev", "context": {"cluster": "c", "user": "u", "namespace": "t"}}],
    }
    (directory / "config").write_text(yaml.safe_dump(config))
    project = directory / "project"
    (project / ".rayspace").mkdir(parents=True)
    environ = {
        **os.environ,
        "KUBECONFIG": str(directory / "config"),
        "RAYSPACE_STATE_DIR": str(directory / "state"),
    }
    return App(project, environ)


def refusal(reason: str, code: int, message: str) -> bytes:
    """Return a Status as an API server writes it."""
    return json.dumps(
        {"kind": "Status", "reason": reason, "code": code, "message": message, "metadata": {}}
    ).encode()


BUSY = refusal("TooManyRequests", 429, "too many requests")
BROKEN = refusal("InternalError", 500, "etcdserver: leader changed")
#: What is asked for is several things at once, and the first that fails is told.
ASKED = r"asked to list the \w+"
LOGIN = b"<html>Sign in to continue</html>"
NONSENSE = b'{"kind": "RayClusterList", "items": 7}'
EXPIRED = refusal("Unauthorized", 401, "Unauthorized")


@pytest.mark.parametrize(
    ("status", "body", "error", "said"),
    [
        (401, EXPIRED, AccessError, r"does not accept the credentials of this context\."),
        (429, BUSY, GatewayUnavailableError, rf"answered 429 when {ASKED}: too many requests"),
        (500, BROKEN, GatewayUnavailableError, rf"answered 500 when {ASKED}: .*leader changed"),
        (200, LOGIN, GatewayError, rf"is not an API server: '{LOGIN.decode()}'"),
        (200, NONSENSE, GatewayError, rf"is not an API server: '{NONSENSE.decode()}'"),
        (0, b"", GatewayTimeoutError, rf"did not answer in time when {ASKED}\."),
    ],
    ids=["expired", "busy", "broken", "html", "nonsense", "silent"],
)
def test_each_is_told_in_one_sentence_with_a_way_out(
    tmp_path, monkeypatch, status, body, error, said
) -> None:
    """No traceback, no token, and a list of all targets goes on without it."""
    if not status:
        monkeypatch.setattr(kube_client, "_TIMEOUT_S", 0.3)
    make_certificate(tmp_path)
    with server(tmp_path, status, body) as url:
        app = app_of(tmp_path, url, tmp_path)
        sentence = rf"^(The API server of dev|What answers for dev) {said}"
        with pytest.raises(error, match=sentence) as caught:
            run(app.clusters.list(target="dev"))
        assert type(caught.value) is error
        assert caught.value.hint
        assert "a-token-of-mine" not in f"{caught.value} {caught.value.details}"
        stages: list[Stage] = []
        assert run(app.clusters.list(target="all", report=stages.append)) == []
        assert any("dev" in stage.text or url in stage.text for stage in stages)
        with pytest.raises(RayspaceError):
            run(app.clusters.up("head-only", target="dev"))


def test_a_server_with_another_certificate_is_not_told_the_token(tmp_path) -> None:
    """The kubeconfig says whom to trust, and the error says that this is not who answers."""
    real, other = tmp_path / "real", tmp_path / "other"
    for directory in (real, other):
        directory.mkdir()
        make_certificate(directory)
    with server(real, 200, b"{}") as url:
        app = app_of(tmp_path, url, other)
        with pytest.raises(AccessError, match="certificate") as caught:
            run(app.clusters.list(target="dev"))
        assert "kubeconfig" in str(caught.value.hint)
