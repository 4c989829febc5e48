"""Prepare the kernel in which a job's notebook runs.

Standard library only, and cheap: MLflow and Ray are touched when user code imports them, not
before. Nothing here may make a notebook fail that would run without us.
"""

from __future__ import annotations

import importlib
import importlib.util
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
    if shell is not None and importlib.util.find_spec("rayspace.magics") is not None:
        importlib.import_module("rayspace").load_ipython_extension(shell)
