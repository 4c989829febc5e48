"""Prepare a worker of Ray, in which tasks and actors of a job's notebook run.

Standard library only, and cheap: MLflow is touched when user code imports it, not before. Nothing
here may make a task fail that would run without us.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

from rayspace.runner import mlflow_hook

_TRACKING_URI = "MLFLOW_TRACKING_URI"
_SOURCE_DIRS = "RAYSPACE_SOURCE_DIRS"


def install_in_worker() -> None:
    """Prepare a worker of Ray: the hook ``worker_process_setup_hook`` of a job."""
    load_credentials(os.environ.get("RAYSPACE_CREDENTIALS", ""))
    if os.environ.get("RAYSPACE_WORKER_PACKAGES"):
        from rayspace.runner.worker_packages import provide

        provide()
    _add_source_dirs()
    _enter_notebook_folder()
    mlflow_hook.adapt_on_import()
    following = os.environ.get("RAYSPACE_NEXT_HOOK", "")
    if following:
        module, _, name = following.rpartition(".")
        getattr(importlib.import_module(module), name)()


def load_credentials(path: str) -> None:
    """Take MLflow's credentials from a file of this user, where the worker runs beside it.

    They must not be in the runtime environment, which Ray shows to whoever may ask. Elsewhere the
    worker's pod has them in its own environment.

    Parameters
    ----------
    path
        The file; empty for none.
    """
    if not path:
        return
    try:
        credentials = json.loads(Path(path).read_bytes())
    except (OSError, ValueError):
        return
    uri = credentials.pop(_TRACKING_URI, "")
    if uri and os.environ.get(_TRACKING_URI) in {None, "", _without_user(uri)}:
        os.environ[_TRACKING_URI] = uri
    for name, value in credentials.items():
        os.environ.setdefault(name, value)


def _without_user(uri: str) -> str:
    scheme, separator, rest = uri.partition("://")
    authority, slash, path = rest.partition("/")
    return scheme + separator + authority.rpartition("@")[2] + slash + path


def _add_source_dirs() -> None:
    """Let a worker import the editable installs that travel in the bundle."""
    for folder in reversed(list(filter(None, os.environ.get(_SOURCE_DIRS, "").split(os.pathsep)))):
        # The working directory is a copy of the bundle.
        path = str(Path.cwd() / folder)
        if path not in sys.path:
            sys.path.insert(0, path)


def _enter_notebook_folder() -> None:
    """Give a worker the working directory of the notebook: its folder inside the bundle."""
    folder = os.environ.get("RAYSPACE_NOTEBOOK_DIR", "")
    if folder and Path(folder).is_dir():
        os.chdir(folder)
        sys.path.insert(0, str(Path.cwd()))
