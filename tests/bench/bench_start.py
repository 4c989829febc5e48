"""How long it takes to begin: loading the magics, help, and submitting a job.

``python tests/bench/bench_start.py``; prints medians of interleaved runs and their ratios. The last
part needs a running cluster and uses the chosen one.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SHELL = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"
LOAD = SHELL + "; s.run_line_magic('load_ext', 'rayspace')"
NOTEBOOK = {
    "nbformat": 4,
    "nbformat_minor": 5,
    "metadata": {"kernelspec": {"name": "python3", "display_name": "p", "language": "python"}},
    "cells": [
        {"cell_type": "code", "id": "a", "metadata": {}, "outputs": [], "execution_count": None,
         "source": "1"}
    ],
}  # fmt: skip


def seconds(command: list[str], env: dict[str, str] | None = None) -> float:
    """Run a command once. [s]"""
    began = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, env=env)
    return time.perf_counter() - began


def medians(commands: dict[str, list[str]], runs: int) -> dict[str, float]:
    """Run commands in turn, so that noise meets all of them. [s]"""
    times: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(runs + 1):
        for name, command in commands.items():
            times[name].append(seconds(command))
    return {name: statistics.median(values[1:]) for name, values in times.items()}


def bench_submit(runs: int) -> None:
    """Compare a submission with Ray's own, inside one process each, libraries loaded."""
    from rayspace.app import current_app
    from rayspace.loop import run

    app = current_app()
    state = run(app.clusters.status())
    token = Path(state.address.token_path).read_text("ascii") if state.address.token_path else ""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    os.environ["RAY_AUTH_MODE"] = "token" if token else "disabled"
    os.environ["RAY_AUTH_TOKEN_PATH"] = state.address.token_path
    from ray.job_submission import JobSubmissionClient

    client = JobSubmissionClient(state.address.dashboard_url, headers=headers)
    ours, rays = [], []
    with tempfile.TemporaryDirectory(dir=app.project) as directory:
        (Path(directory) / ".rayspaceignore").touch()
        path = Path(directory) / "n.ipynb"
        path.write_text(json.dumps(NOTEBOOK))
        for _ in range(runs + 1):
            began = time.perf_counter()
            theirs = client.submit_job(
                entrypoint="python -c 1", runtime_env={"working_dir": directory}
            )
            rays.append(time.perf_counter() - began)
            began = time.perf_counter()
            job = run(app.jobs.submit(path))
            ours.append(time.perf_counter() - began)
            # One at a time: jobs that run would slow down the next submission of either kind.
            run(app.jobs.wait(job.name))
            client.delete_job(theirs)
    ray_s, our_s = statistics.median(rays[1:]), statistics.median(ours[1:])
    print(f"submit: rayspace {our_s:.2f} s, Ray {ray_s:.2f} s, overhead {our_s - ray_s:.2f} s")


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--submit", action="store_true", help="needs a running cluster")
    args = parser.parse_args()
    found = medians(
        {
            "bare python": [sys.executable, "-c", "pass"],
            "bare IPython": [sys.executable, "-c", SHELL],
            "with rayspace": [sys.executable, "-c", LOAD],
            "help": [sys.executable, "-m", "rayspace.cli", "--help"],
        },
        args.runs,
    )
    for name, value in found.items():
        print(f"{name:14} {value:.3f} s")
    extra = found["with rayspace"] - found["bare IPython"]
    print(f"load_ext over bare IPython: {extra:.3f} s (x{1 + extra / found['bare IPython']:.2f})")
    print(f"help over bare python: x{found['help'] / found['bare python']:.2f}")
    if args.submit:
        bench_submit(args.runs)


if __name__ == "__main__":
    main()
