"""Let MLflow in this process log to the server of the target that was chosen.

Only where the person named none, and undone when another target is chosen. MLflow's client reads
its environment at each call, so that it need not be loaded, nor be told when it is.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from rayspace.errors import RayspaceError, TrackingMissingError
from rayspace.model.progress import Report, Stage
from rayspace.model.target import LOCAL, SIMULATED
from rayspace.model.tracking import BY_THE_SERVER
from rayspace.persons_environment import MARK, TOKEN, URI, PersonsEnvironment

if TYPE_CHECKING:
    from rayspace.app import App

#: What stands in the environment for a relay, and what stood there before; None for nothing.
_earlier: dict[str, str | None] = {}


def follow(app: App, verb: str, result: Any, report: Report) -> None:
    """Point MLflow of this process where a verb leads.

    Parameters
    ----------
    app
        The services.
    verb
        The verb of ``%ray_cluster`` that was done.
    result
        What it gave back.
    report
        Called with what was done.
    """
    from rayspace.model.cluster import ClusterState

    if verb == "disconnect":
        point_back()
    if verb not in {"up", "use", "adopt", "connect"} or not isinstance(result, ClusterState):
        return
    if app.is_inside_job:
        return
    if result.target in {"", LOCAL, SIMULATED}:
        point_back()
    else:
        point_at(app, result.target, report)


def point_at(app: App, target: str, report: Report) -> None:
    """Point at the server of a target on Kubernetes, unless the person named one themselves."""
    if PersonsEnvironment(os.environ).get(URI):
        return
    try:
        server = app.tracking_server(target)
    except TrackingMissingError:
        # Who logs nothing misses nothing; who submits a job is told.
        point_back()
        return
    except RayspaceError as exc:
        point_back()
        report(Stage("tracking", f"MLflow of {target} is not used here: {exc}", "note"))
        return
    point_back()
    if server.token:
        # A relay leads to the server alone.
        wished = {name: BY_THE_SERVER[name] for name in BY_THE_SERVER.keys() - os.environ.keys()}
        for name, value in {TOKEN: server.token, **wished}.items():
            _earlier[name] = os.environ.get(name)
            os.environ[name] = value
    address = server.uri if server.token else server.client_uri
    os.environ[URI] = os.environ[MARK] = address
    report(Stage("tracking", f"MLflow logs to the server of {target} from here", "note"))


def point_back() -> None:
    """Leave the environment as the person had set it."""
    address = os.environ.pop(MARK, None)
    if address is None:
        return
    if os.environ.get(URI) == address:
        del os.environ[URI]
    for name, value in _earlier.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _earlier.clear()
