"""A notebook that starts clusters, ends them and submits jobs runs unchanged as a job."""

from __future__ import annotations

import pytest

from rayspace.loop import run
from rayspace.model.cluster import ClusterPhase
from rayspace.model.job import JobPhase
from rayspace.model.run import Tag

OUTER = """%load_ext rayspace
%ray_cluster up laptop --workers 7
%ray_cluster use whatever
%ray_cluster scale --workers 3
import ray
ray.init(num_cpus=1)
print("NODES", len(ray.nodes()))
%ray_job submit outer.ipynb
%ray_job submit
%ray_job submit inner.ipynb -p who inner --wait
%ray_cluster down
print("STILL", ray.get(ray.remote(lambda: 42).remote()))
"""
INNER = "%ray_cluster up\n%ray_job submit third.ipynb\nprint('INNER', who)"


@pytest.fixture(scope="module")
def outer(lab):
    """Run a notebook that does everything a notebook may do with clusters and jobs."""
    lab.write("nested/inner.ipynb", INNER, parameters="who: str = 'nobody'")
    lab.write("nested/third.ipynb", "print('THIRD')")
    job = lab.submit(lab.write("nested/outer.ipynb", OUTER), wait=True)
    texts = [
        "".join(output.get("text", ""))
        for cell in lab.result(job)["cells"]
        for output in cell.get("outputs", [])
        if output["output_type"] == "stream"
    ]
    return job, "".join(texts)


def test_the_notebook_runs_to_its_end(outer, lab) -> None:
    """up, use and scale attach or do nothing; the cluster is as it was."""
    job, text = outer
    assert job.phase is JobPhase.SUCCEEDED, job.reason + text
    assert "NODES 1" in text
    assert "STILL 42" in text
    state = run(lab.app.clusters.status("lab"))
    assert (state.phase, state.groups[0].n_desired) == (ClusterPhase.READY, 0)


def test_what_does_nothing_says_so(outer) -> None:
    """Each verb that does nothing in a job names the job."""
    job, text = outer
    lines = [line for line in text.splitlines() if f"runs as the job {job.name}" in line]
    assert any("attached to its own cluster lab" in line for line in lines)
    assert any("was not scaled" in line for line in lines)
    assert any("was not ended" in line for line in lines)
    assert sum("does not submit itself" in line for line in lines) == 2


def test_another_notebook_becomes_a_child_run_and_goes_no_deeper(outer, lab) -> None:
    """The inner job is a child of the outer one's run; its own submissions do nothing."""
    job, _ = outer
    children = lab.app.runs.jobs(parent_run_id=job.run_id)
    assert [c.tags[Tag.NOTEBOOK] for c in children] == ["inner.ipynb"]
    inner = run(lab.app.jobs.status(children[0].tags[Tag.JOB]))
    assert inner.phase is JobPhase.SUCCEEDED
    assert inner.parameters["who"] == "inner"
    log = "".join(run(collect(lab, inner.name)))
    assert "INNER inner" in log
    assert "submit no others" in log
    assert lab.app.runs.jobs(parent_run_id=inner.run_id) == []


async def collect(lab, name: str) -> list[str]:
    """Return the log of a job."""
    return [piece async for piece in lab.app.jobs.logs(name)]
