"""``rayspace mlflow open``: the runs of a target in MLflow's own pages, until Ctrl-C."""

from __future__ import annotations

import contextlib
import json
import sys
import threading
import webbrowser
from typing import TYPE_CHECKING

from rayspace.mending import named_target
from rayspace.model.target import LOCAL, SIMULATED

if TYPE_CHECKING:
    import argparse


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
        sys.stderr.write("MLflow's server starts, which may take half a minute\n")
        _, lent = app.local_mlflow
        _show(run(lent.browser_uri()), app.runs.tracking_uri, as_json=args.json)
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
