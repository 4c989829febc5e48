"""A namespace with MLflow, and a person who ships notebooks to it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import yaml

from rayspace.app import App
from rayspace.loop import run
from tests.cluster import front
from tests.cluster.derived_images import MLFLOW
from tests.cluster.images import RAY
from tests.cluster.store import ROOT
from tests.cluster.test_product import Person
from tests.waiting import SLOW_S

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from rayspace.model.job import JobState
    from rayspace.model.run import RunRecord
    from tests.cluster.conftest import Namespace

#: Lets a container take what processors there are: with half of one, Ray starts for half a minute.
AT_EASE = "template: {spec: {containers: [{name: %s, resources: {limits: {cpu: 2}}}]}}"
_HEAD_AT_EASE = AT_EASE % "ray-head"
#: Small enough for this machine.
SOLO = f"""\
description: A head.
image: {RAY}
head: {{cpus: 0.5, memory: 1500MiB}}
workers: 0
rayCluster: {{spec: {{headGroupSpec: {{{_HEAD_AT_EASE}}}}}}}
"""


def bring_mlflow(namespace: Namespace) -> None:
    """Deploy the product's MLflow, whose volume ends with its pod; returns before it is ready."""
    text = (ROOT / "templates" / "kubernetes" / "mlflow.yaml").read_text()
    kept = []
    for item in filter(None, yaml.safe_load_all(text)):
        if item["kind"] == "PersistentVolumeClaim":
            continue
        if item["kind"] == "Deployment":
            pod = item["spec"]["template"]["spec"]
            pod["containers"][0]["image"] = MLFLOW
            pod["volumes"][0] = {"name": "data", "emptyDir": {}}
        kept.append(item)
    stdin = yaml.safe_dump_all(kept)
    namespace.kubectl("apply", "-f", "-", user="admin", stdin=stdin)


def await_mlflow(namespace: Namespace) -> None:
    """Wait until it can be used."""
    words = ("rollout", "status", "deployment/rayspace-mlflow", "--timeout=180s")
    namespace.kubectl(*words, user="admin")


@contextlib.contextmanager
def made_volume(namespace: Namespace) -> Iterator[str]:
    """Make a volume on the first node for the claim of MLflow, and yield its path there."""
    path = f"/var/lib/kubelet/rayspace-volumes/{namespace.name}"
    enter = ["nsenter", "-t", str(front.init_pid(front.DEFAULT_NAME)), "-m"]
    subprocess.run([*enter, "rm", "-rf", path], check=True)
    subprocess.run([*enter, "mkdir", "-p", path], check=True)
    on_node = {"key": "kubernetes.io/hostname", "operator": "In", "values": ["node-a"]}
    spec = {
        "capacity": {"storage": "20Gi"},
        "accessModes": ["ReadWriteOnce"],
        "persistentVolumeReclaimPolicy": "Retain",
        # Unlike hostPath, it is given to the group of its pod.
        "local": {"path": path},
        "claimRef": {"namespace": namespace.name, "name": "rayspace-mlflow"},
        "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [on_node]}]}},
    }
    metadata = {"name": namespace.name}
    item = {"apiVersion": "v1", "kind": "PersistentVolume", "metadata": metadata, "spec": spec}
    namespace.cluster.kubectl("apply", "-f", "-", stdin=json.dumps(item))
    try:
        yield path
    finally:
        namespace.cluster.kubectl("delete", "pv", namespace.name, "--wait=false")


@contextlib.contextmanager
def forwarded(namespace: Namespace, service: str, port: int) -> Iterator[int]:
    """Forward a port as kubectl does, and yield the one on this side."""
    forward = ("port-forward", f"service/{service}", f":{port}")
    words = namespace.cluster.command(*forward, user="scientist", namespace=namespace.name)
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield int(process.stdout.readline().partition("127.0.0.1:")[2].split()[0])
    finally:
        process.terminate()
        process.wait()


class Shipper(Person):
    """A person who ships notebooks."""

    def __init__(
        self, cluster: Any, namespace: Namespace, directory: Path, user: str = "scientist"
    ) -> None:
        super().__init__(cluster, namespace, directory, user)
        project = directory / "project"
        (project / ".rayspace" / "profiles" / "solo.yaml").write_text(SOLO)
        self.project = project
        self.directory = directory

    def notebook(self, name: str, *cells: str, parameters: str = "") -> Path:
        """Write a notebook."""
        sources = [parameters, *cells] if parameters else list(cells)
        path = self.project / name
        path.write_text(json.dumps({
            "nbformat": 4,
            "nbformat_minor": 5,
            "metadata": {
                "kernelspec": {"name": "my-env", "display_name": "p", "language": "python"}
            },
            "cells": [
                {
                    "cell_type": "code", "id": f"c{number}", "outputs": [], "source": source,
                    "execution_count": None,
                    "metadata": {"tags": ["parameters"]} if parameters and not number else {},
                }
                for number, source in enumerate(sources)
            ],
        }))  # fmt: skip
        return path

    def submit(self, notebook: Path, params: Any = None, **options: Any) -> JobState:
        """Ship it, with a cluster of its own unless told otherwise."""
        if "cluster" not in options:
            options = {"target": self.target, "profile": "solo", **options}
        return run(self.app.jobs.submit(notebook, params, report=self.report, **options))

    def elsewhere(self) -> App:
        """Return what another process of this person sees."""
        return App(self.project, self.environ)

    def command(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run ``rayspace`` in the project."""
        return subprocess.run(
            [sys.executable, "-m", "rayspace.cli", *words],
            cwd=self.project,
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )

    def status(self, name: str) -> JobState:
        """Look at a job."""
        return run(self.app.jobs.status(name))

    def until(
        self, name: str, what: str, holds: Callable[[JobState], bool], timeout_s: float = SLOW_S
    ) -> JobState:
        """Return the job once something holds of it, and say what was waited for if not."""
        last: list[JobState] = []

        def look() -> bool:
            last[:] = [self.status(name)]
            return holds(last[0])

        try:
            self.namespace.until(f"{name}: {what}", look, timeout_s)
        except AssertionError as exc:
            message = f"{exc}; last {last}"
            raise AssertionError(message) from None
        return last[0]

    def ended(self, name: str, timeout_s: float = 1.5 * SLOW_S) -> JobState:
        """Return the job as it ended."""
        return self.until(name, "its end", lambda job: job.phase.is_terminal, timeout_s)

    def in_cell(self, name: str, cell_number: int) -> JobState:
        """Return the job once it is in a cell."""
        return self.until(
            name,
            f"cell {cell_number}",
            lambda job: job.progress is not None and job.progress.cell_number >= cell_number,
        )

    def record(self, name: str) -> tuple[RunRecord, list[RunRecord], set[str]]:
        """Return the run of a job, its child runs and its artifacts."""
        runs = self.app.runs_of(self.target)
        (found,) = runs.jobs(name=name)
        return found, runs.children(found), _files(runs, found.run_id)

    def artifact(self, run_id: str, path: str) -> str:
        """Return the text of an artifact."""
        runs = self.app.runs_of(self.target)
        return runs.download(run_id, path, self.directory).read_text()


def _files(runs: Any, run_id: str) -> set[str]:
    return set(runs.artifacts(run_id))
