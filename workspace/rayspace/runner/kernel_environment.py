"""What the notebook's kernel and Ray's workers find in their environment: values in, values out.

Credentials reach the kernel by its environment and workers by a file; they must never be in Ray's
runtime environment, which Ray shows to whoever may ask.
Sources: ray/_private/runtime_env/packaging.py (what a working directory may hold) and
ray/_private/worker.py (RAY_JOB_CONFIG_JSON_ENV_VAR, RAY_OVERRIDE_JOB_RUNTIME_ENV) of Ray 2.60.
"""

from __future__ import annotations

import json
import os
import posixpath
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.core.tracking.server import patient_uri
from rayspace.gateways.mlflow.errors import without_credentials
from rayspace.model.run import Tag
from rayspace.model.tracking import BY_THE_SERVER
from rayspace.runner.settings import PRIVATE_NAMES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rayspace.model.job import JobOrder
    from rayspace.model.packages import Installation
    from rayspace.model.run import RunRecord

#: What Ray takes as a working directory. [bytes]
WORKING_DIR_LIMIT_BYTES = 100 * 2**20
_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
_SETUP_HOOK = "rayspace.runner.worker_setup.install_in_worker"
#: MLflow's own variables that would point a notebook at another run or experiment.
_MISLEADING = ("MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_NAME", "MLFLOW_EXPERIMENT_ID")


def kernel_environment(
    inherited: Mapping[str, str],
    order: JobOrder,
    *,
    run: RunRecord,
    tracking_uri: str,
    runner_path: str,
    credentials_path: str,
    bundle_dir: str,
    excludes: Sequence[str] = (),
    installation: Installation | None = None,
) -> dict[str, str]:
    """Return the environment of the kernel.

    Parameters
    ----------
    inherited
        The environment that the runner was started with.
    order
        The job.
    run, tracking_uri
        Its run, and where that is; a user and a password in it are for the kernel only.
    runner_path
        What brings this package.
    credentials_path
        File with credentials for workers on this machine; empty for none.
    bundle_dir
        Where the bundle is unpacked.
    excludes
        Patterns of files that do not go to Ray's workers, as in a .gitignore.
    installation
        What was installed for the job; its directory is on the inherited path already.

    Returns
    -------
    dict
        Variable by name.
    """
    kept = {
        name: value
        for name, value in inherited.items()
        if name not in PRIVATE_NAMES and name not in _MISLEADING
    }
    tracking_uri = patient_uri(tracking_uri)
    shared = _shared(order, run, tracking_uri)
    for name, value in BY_THE_SERVER.items():
        shared.setdefault(name, inherited.get(name, value))
    if credentials_path:
        shared["RAYSPACE_CREDENTIALS"] = credentials_path
    paths = [runner_path, order.env.get("PYTHONPATH", ""), inherited.get("PYTHONPATH", "")]
    shared["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(filter(None, _split(paths))))
    shared.update(_packages(installation))
    shared["RAYSPACE_NOTEBOOK_DIR"] = posixpath.dirname(order.notebook)
    environment = {
        **kept,
        **shared,
        "MLFLOW_TRACKING_URI": order.env.get("MLFLOW_TRACKING_URI", tracking_uri),
        "RAYSPACE_RUNNER_PATH": runner_path,
        "RAYSPACE_NOTEBOOK": str(Path(bundle_dir, *order.notebook.split("/"))),
        # What a notebook asks of ray.init() counts more than what the job brings.
        "RAY_OVERRIDE_JOB_RUNTIME_ENV": "1",
        # The bundle was chosen at submission: a .gitignore in it has had its say.
        "RAY_RUNTIME_ENV_IGNORE_GITIGNORE": "1",
        # What the job needs is there already; Ray would start workers by `uv run` as well when
        # the runner was, and look for a project where there is none.
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": order.env.get("RAY_ENABLE_UV_RUN_RUNTIME_ENV", "0"),
    }
    source_dirs = installation.source_dirs if installation is not None else ()
    if source_dirs:
        environment["PYTHONPATH"] = os.pathsep.join(
            [*(str(Path(bundle_dir, folder)) for folder in source_dirs), shared["PYTHONPATH"]]
        )
    environment[_JOB_CONFIG] = json.dumps(
        _job_config(
            inherited.get(_JOB_CONFIG, ""),
            shared,
            runner_path,
            bundle_dir,
            excludes,
            inherited.get("RAYSPACE_RUNNER_PACKAGE", ""),
        )
    )
    return environment


def _shared(order: JobOrder, run: RunRecord, tracking_uri: str) -> dict[str, str]:
    """Return what the kernel and Ray's workers have in common."""
    context = {Tag.PARENT_RUN_ID: run.run_id}
    shared = {
        # mlflow writes a screenful where there is no git.
        "GIT_PYTHON_REFRESH": "quiet",
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_EXPERIMENT_ID": run.experiment_id,
        **order.env,
        # Without a password: this part is shown by Ray.
        "MLFLOW_TRACKING_URI": order.env.get(
            "MLFLOW_TRACKING_URI", without_credentials(tracking_uri)
        ),
        # A program that the notebook starts has no hook; by this its runs are children as well.
        "MLFLOW_RUN_CONTEXT": json.dumps(context),
        "RAYSPACE_RUN_ID": run.run_id,
        "RAYSPACE_EXPERIMENT": run.experiment,
        "RAYSPACE_JOB": order.name,
        "RAYSPACE_DEPTH": str(order.depth),
        "RAYSPACE_PARAMETER_NAMES": json.dumps(sorted(order.parameters)),
    }
    if "MLFLOW_EXPERIMENT_NAME" in order.env and "MLFLOW_EXPERIMENT_ID" not in order.env:
        # MLflow refuses both when they differ.
        del shared["MLFLOW_EXPERIMENT_ID"]
    return shared


def _packages(installation: Installation | None) -> dict[str, str]:
    """Tell Ray's workers what was installed, and where the bundle has packages of its own."""
    found = {}
    if installation is not None and installation.for_workers:
        found["RAYSPACE_WORKER_PACKAGES"] = json.dumps(
            {"directory": installation.directory, "requirements": installation.for_workers}
        )
    if installation is not None and installation.source_dirs:
        found["RAYSPACE_SOURCE_DIRS"] = os.pathsep.join(installation.source_dirs)
    return found


def _job_config(
    inherited: str,
    shared: Mapping[str, str],
    runner_path: str,
    bundle_dir: str,
    excludes: Sequence[str],
    package: str,
) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(inherited or "{}")
    runtime_env = dict(config.get("runtime_env") or {})
    env_vars = {
        name: value
        for name, value in (runtime_env.get("env_vars") or {}).items()
        if name not in PRIVATE_NAMES
    }
    env_vars.update(shared, RAYSPACE_RUNNER_PATH=runner_path)
    runtime_env.update(
        env_vars=env_vars, working_dir=bundle_dir, worker_process_setup_hook=_SETUP_HOOK
    )
    if excludes:
        runtime_env["excludes"] = list(excludes)
    if package:
        # Where the path of this package holds on the driver's machine alone.
        runtime_env["py_modules"] = [package]
    return {**config, "runtime_env": runtime_env}


def left_out_files(
    files: Sequence[tuple[str, int]], limit_bytes: int = WORKING_DIR_LIMIT_BYTES
) -> list[str]:
    """Choose files that must not go to Ray's workers, so that the rest may.

    Parameters
    ----------
    files
        Path inside the bundle, with ``/``, and size of each. [bytes]
    limit_bytes
        What may go. [bytes]

    Returns
    -------
    list of str
        As few of the largest as need be; sorted.
    """
    excess_bytes = sum(size for _, size in files) - limit_bytes
    left_out: list[str] = []
    for path, size in sorted(files, key=lambda item: (-item[1], item[0])):
        if excess_bytes <= 0:
            break
        left_out.append(path)
        excess_bytes -= size
    return sorted(left_out)


def ignore_pattern(path: str) -> str:
    """Return the .gitignore pattern that fits one path inside the bundle and no other."""
    escaped = "".join(f"\\{char}" if char in "\\*?[]! #" else char for char in path)
    return f"/{escaped}"


def _split(paths: Sequence[str]) -> list[str]:
    return [part for path in paths for part in path.split(os.pathsep)]
