"""The notebooks of the guide that lead to Kubernetes, on a real one."""

from __future__ import annotations

import re
import shutil

import pytest

from rayspace.app import App
from rayspace.loop import run
from rayspace.model.job import JobPhase
from tests.cluster.conftest import made_namespace
from tests.cluster.derived_images import STARTERS
from tests.cluster.images import RAY
from tests.cluster.store import ROOT
from tests.cluster.team import SOLO, Shipper, await_mlflow, bring_mlflow
from tests.guide import copy_guide, run_notebook

pytestmark = pytest.mark.timeout(1800)


@pytest.fixture(scope="module")
def team(cluster):
    """Have a namespace with MLflow for the notebooks here."""
    with made_namespace(cluster, "guide") as namespace:
        bring_mlflow(namespace)
        await_mlflow(namespace)
        yield namespace


@pytest.fixture
def reader(cluster, team, tmp_path):
    """Have the folder of the guide, with a profile that is small enough for this machine."""
    person = Shipper(cluster, team, tmp_path)
    folder = copy_guide(tmp_path)
    shutil.copytree(person.project / ".rayspace" / "profiles", folder / ".rayspace" / "profiles")
    yield person, folder
    app = App(folder, person.environ)
    for state in run(app.clusters.list()):
        run(app.clusters.down(state.name, target=state.target))


def test_the_way_to_kubernetes(reader):
    """A cluster, a look at it, work on it, a notebook shipped to it, and its end."""
    person, folder = reader
    values = {"target": person.target, "profile": "tiny", "queue": ""}
    told = run_notebook(folder / "04-to-kubernetes.ipynb", person.environ, values)
    assert told.failed() == set()
    for cell, pattern in {
        "dry": "kind: RayCluster",
        "up": "guide is ready",
        "status": person.namespace.name,
        "why": "Nothing is wrong with it",
        "work": r"joined, with \d CPUs",
        "result": f"succeeded on guide of {person.target}",
    }.items():
        assert re.search(pattern, told.of(cell), re.DOTALL), (cell, told.of(cell))
    assert "simulated" not in told.of("up") + told.of("status") + told.of("targets")
    assert person.namespace.items("rayclusters") == []
    print(f"04 took {told.seconds:.0f} s")


def test_what_goes_wrong_there(reader):
    """Kubernetes says in its own words what the simulated target says in the guide."""
    person, folder = reader
    values = {"target": person.target, "profile": "tiny", "wait": "60s"}
    told = run_notebook(folder / "05-when-something-is-wrong.ipynb", person.environ, values)
    assert told.failed() == told.meant_to_fail()
    for cell, pattern in {
        "too-large": "500 CPUs, the largest node has|guide-large",
        "image": "latset",
        "image-why": "Pod guide-image",
        "image-problems": "image_not_found|pull_failing|pull_refused",
        "nobody": "no profile",
    }.items():
        assert re.search(pattern, told.of(cell), re.DOTALL), (cell, told.of(cell))
    assert person.namespace.items("rayclusters") == []
    print(f"05 took {told.seconds:.0f} s")


def test_the_starters_run_there_as_they_are(cluster, team, tmp_path):
    """One after the other on one cluster, whose image has the packages that they import."""
    person = Shipper(cluster, team, tmp_path)
    profile = SOLO.replace(RAY, STARTERS)
    profile = profile.replace("cpus: 0.5, memory: 1500MiB", "cpus: 1.4, memory: 3GiB")
    two_cpus = 'headGroupSpec: {rayStartParams: {num-cpus: "2"}, '
    profile = profile.replace("headGroupSpec: {", two_cpus)
    (person.project / ".rayspace" / "profiles" / "science.yaml").write_text(profile)
    person.up("science", profile="science")
    starters = sorted((ROOT / "templates" / "notebooks").glob("*.ipynb"))
    assert len(starters) == 4
    for starter in starters:
        notebook = shutil.copy(starter, person.project / starter.name)
        ended = person.submit(notebook, cluster="science", wait=True)
        assert (starter.name, ended.phase, ended.reason) == (
            starter.name,
            JobPhase.SUCCEEDED,
            "",
        )
        record, _, files = person.record(ended.name)
        assert f"results/{starter.name}" in files
        assert [key for key in record.metrics if not key.startswith(("system/", "usage/"))]
    run(person.clusters.down("science"))
