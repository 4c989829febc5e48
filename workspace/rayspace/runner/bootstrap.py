"""Prepare the kernel in which a job's notebook runs.

Standard library only, and cheap: MLflow and Ray are touched when user code imports them, not
before. Nothing here may make a notebook fail that would run without us.
"""

from __future__ import annotations

import importlib
from typing import Any

from rayspace.runner import mlflow_hook, ray_hook
from rayspace.runner.import_hook import after_import

#: What the kernel executes before the first cell.
SETUP_CODE = (
    "from rayspace.runner import bootstrap as _rayspace_bootstrap\n"
    "_rayspace_bootstrap.install_in_kernel(get_ipython())\n"
    "del _rayspace_bootstrap\n"
)


def install_in_kernel(shell: Any) -> None:
    """Prepare the kernel of a job's notebook.

    Parameters
    ----------
    shell
        The IPython shell.
    """
    mlflow_hook.adapt_on_import()
    after_import("ray", ray_hook.adapt)
    if shell is None:
        return
    # The faces of this package belong to the notebook, not to the runner.
    importlib.import_module("rayspace.displays").register(shell.display_formatter)
    # Few jobs use them, and every job would wait for them to load.
    for name in ("ray_cluster", "ray_job"):
        shell.magics_manager.register_lazy(name, "rayspace")
