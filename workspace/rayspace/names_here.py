"""Names for completion: only from sources that answer at once, asked anew each time."""

from __future__ import annotations

import importlib
import queue
import threading
from typing import TYPE_CHECKING

from rayspace.errors import RayspaceError
from rayspace.grammar import CLUSTER, JOB, PROFILE, TARGET

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

#: Longer nobody waits for a name that they could as well type. [s]
_PATIENCE_S = 1.0
#: Completion must never disturb somebody who is typing.
_NO_ANSWER = (RayspaceError, ModuleNotFoundError)


def names_of_kind(kind: str) -> Sequence[str]:
    """List the names of clusters, jobs or profiles of this project; none where that fails.

    Parameters
    ----------
    kind
        A kind of the grammar.
    """
    from rayspace.app import current_app
    from rayspace.loop import run

    try:
        app = current_app()
        if kind == CLUSTER:
            return app.record_store.names()
        if kind == PROFILE:
            return [profile.name for profile in run(app.clusters.profiles())]
        if kind == TARGET:
            return [target.name for target in app.targets()]
        if kind == JOB:
            if app.tracking_uri.startswith("sqlite"):
                return app.jobs.names()
            # Not counted: loading it takes as long as it takes, once.
            importlib.import_module("mlflow")
            return _in_time(app.jobs.names)
    except _NO_ANSWER:
        return []
    return []


def _in_time(ask: Callable[[], Sequence[str]]) -> Sequence[str]:
    """Ask a server, and give up when it is slow; what it says later is of no use."""
    answers: queue.SimpleQueue[Sequence[str]] = queue.SimpleQueue()

    def work() -> None:
        try:
            answers.put(ask())
        except _NO_ANSWER:
            answers.put([])

    # A daemon: a server that never answers must not keep the program from ending.
    threading.Thread(target=work, name="rayspace-names", daemon=True).start()
    try:
        return answers.get(timeout=_PATIENCE_S)
    except queue.Empty:
        return []
