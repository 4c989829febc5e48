"""A project with a running cluster, and notebooks to run on it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.app import App
from rayspace.loop import run

if TYPE_CHECKING:
    from rayspace.model.job import JobState


def notebook_json(*sources: str, parameters: str | None = None, kernel: str = "python3") -> dict:
    """Build a notebook of code cells; the first bears the tag ``parameters`` if some are given."""
    texts = [*([parameters] if parameters is not None else []), *sources]
    cells = [
        {
            "cell_type": "code",
            "id": f"cell-{index}",
            "metadata": {"tags": ["parameters"]} if parameters is not None and index == 0 else {},
            "execution_count": None,
            "outputs": [],
            "source": text,
        }
        for index, text in enumerate(texts)
    ]
    spec = {"name": kernel, "display_name": kernel, "language": "python"}
    return {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}, "cells": cells}


@dataclass
class Lab:
    """A project with a running local cluster.

    Parameters
    ----------
    app
        The services.
    cluster
        Name of the cluster.
    """

    app: App
    cluster: str

    def write(self, name: str, *sources: str, **options) -> Path:
        """Write a notebook into the project."""
        path = self.app.project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(notebook_json(*sources, **options)), "utf-8")
        return path

    def submit(self, notebook: Path, params: dict | None = None, **options) -> JobState:
        """Submit a notebook to the cluster."""
        return run(self.app.jobs.submit(notebook, params, cluster=self.cluster, **options))

    def result(self, job: JobState) -> dict:
        """Return the executed notebook of a job."""
        return json.loads(Path(run(self.app.jobs.fetch(job.name)).notebook).read_text("utf-8"))


def make_app(project: Path, state_dir: Path) -> App:
    """Make a project with records of its own."""
    settings = project / ".rayspace" / "config.json"
    settings.parent.mkdir(parents=True, exist_ok=True)
    settings.write_text(json.dumps({"Rayspace": {"sample_interval_s": 1}}), "utf-8")
    return App(project, {**os.environ, "RAYSPACE_STATE_DIR": str(state_dir)})
