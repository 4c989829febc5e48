"""``rayspace mlflow open``: the runs of a target in MLflow's own pages, until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import webbrowser
from typing import TYPE_CHECKING

from rayspace.errors import GatewayTimeoutError, MissingExtraError
from rayspace.mending import named_target
from rayspace.model.target import LOCAL, SIMULATED

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

#: A new database is filled with tables first. [s]
_START_S = 120.0


def open_pages(args: argparse.Namespace) -> int:
    """Open the pages, and keep what leads to them until Ctrl-C.

    Parameters
    ----------
    args
        The parsed line.

    Returns
    -------
    int
        The exit code. [1]
    """
    from rayspace.app import current_app
    from rayspace.loop import run

    app = current_app()
    target = named_target(app, args, app.clusters.chosen_target())
    if target in {LOCAL, SIMULATED}:
        if app.tracking_uri.startswith(("http://", "https://")):
            _show(app.tracking_uri, app.runs.tracking_uri, as_json=args.json)
            return 0
        with _server(app.tracking_uri) as uri:
            _show(uri, uri, as_json=args.json)
            _wait()
        return 0
    server = run(app.tracking_of(target))
    _show(run(app.kube_tracking(target).browser_uri()), server.uri, as_json=args.json)
    if server.token:
        _wait()
    return 0


def _show(address: str, public: str, *, as_json: bool) -> None:
    """Open a browser; where there is none, the person takes the address, which counts once."""
    if as_json:
        # A program opens it itself.
        value = {"tracking_uri": public, "browser_uri": address}
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
    elif webbrowser.open(address):
        sys.stdout.write(f"MLflow is open in the browser, by {public}\n")
    else:
        sys.stdout.write(f"Open MLflow in a browser: {address}\n")
    sys.stdout.flush()


def _wait() -> None:
    sys.stderr.write("Ctrl-C ends it\n")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


@contextlib.contextmanager
def _server(uri: str) -> Iterator[str]:
    """Start MLflow's server for a database of this machine, on loopback."""
    import importlib.util

    if importlib.util.find_spec("sqlalchemy") is None:
        raise MissingExtraError("mlflow")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri,
               "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]  # fmt: skip
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    sys.stderr.write("MLflow's server starts, which may take half a minute\n")
    # In a session of its own: Ctrl-C is ours, and then it is told to end.
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        _await_health(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


def _await_health(uri: str, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + _START_S
    while process.poll() is None and time.monotonic() < deadline_s:
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"{uri}/health", timeout=2).close()  # noqa: S310  loopback
            return
        time.sleep(0.2)
    raise GatewayTimeoutError(
        "MLflow's server did not come up.",
        system="MLflow",
        operation="start",
        hint="Start it by hand to see why: mlflow server --backend-store-uri URI",
    )
