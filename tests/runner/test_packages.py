"""Jobs whose image lacks packages: what is installed, what is refused, and what is said."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from rayspace.model.job import Cause
from rayspace.model.packages import PackagePlan, PackagesMode, Requirement
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.runner import installation
from tests.runner.package_index import served, write_index
from tests.runner.workshop import WORKSPACE, notebook
from tests.waiting import wait_for

ALPHA = Requirement("rs_alpha", "rs-alpha==1.0", source="cell 1")
USE = "import rs_alpha, rs_beta\nprint('have', rs_alpha.VERSION, rs_beta.VERSION)"


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    root = tmp_path_factory.mktemp("index")
    write_index(root)
    with served(root) as url:
        yield url


@pytest.fixture
def source(index):
    """Return the variables that lead to the index."""
    return {"PIP_INDEX_URL": index, "PIP_FIND_LINKS": ""}


def _variables(workshop, source):
    """Take away what this machine says to pip, which a job would heed."""
    for name in [n for n in workshop.environment if n.startswith(("PIP_", "UV_"))]:
        del workshop.environment[name]
    return source


def _run(workshop, source, plan, *cells, **environment):
    record = workshop.submit(notebook(*cells))
    return workshop.run(
        record, RAYSPACE_PACKAGES=plan.to_json(), **_variables(workshop, source), **environment
    )


def test_what_the_image_lacks_is_installed_for_the_notebook(real_workshop, source):
    result = _run(
        real_workshop,
        source,
        PackagePlan(requirements=(ALPHA,)),
        USE,
        "import os\nprint('RAYSPACE_PACKAGES' in os.environ)",
    )
    assert result.exit_code == 0, result.log
    assert result.text("rs_alpha") == "have 1.0 1.5\n"
    assert result.text("RAYSPACE_PACKAGES") == "False\n"
    assert "rayspace: the image lacks, for the notebook: rs-alpha==1.0." in result.log
    assert "installed rs-alpha==1.0, rs-beta==1.5 with pip: 2 packages, " in result.log
    # On record beside the list of all packages, which has them as well.
    assert result.files[Artifact.INSTALLED].read_text() == "rs-alpha==1.0\nrs-beta==1.5\n"
    assert "rs-alpha==1.0\n" in result.files[Artifact.PACKAGES].read_text()
    assert result.tag(Tag.N_INSTALLED) == "2"
    assert result.spools == []


def test_image_lists_what_is_missing_and_installs_nothing(real_workshop, source):
    needs = (ALPHA, Requirement("rs_gamma", "rs-gamma", source="helper.py"))
    also = Requirement("rs_delta", "rs-delta", is_optional=True, source="cell 2")
    result = _run(real_workshop, source, PackagePlan(PackagesMode.IMAGE, (*needs, also)), USE)
    assert result.exit_code == 1
    assert result.run.status is RunStatus.FAILED
    assert result.tag(Tag.CAUSE) == Cause.PACKAGES.value
    assert result.tag(Tag.SUMMARY).startswith(
        "The image lacks rs-alpha==1.0 (cell 1), rs-gamma (helper.py), and --packages image"
    )
    assert Artifact.INSTALLED not in result.files
    assert "results/train.ipynb" not in result.files


def test_workers_on_other_machines_install_the_same_once(real_workshop, index):
    """Two workers at once, on a machine where the runner's directory is not."""
    said = {"directory": "/nonexistent", "requirements": ["rs-alpha==1.0", "rs-beta==1.0"]}
    environment = {
        **real_workshop.environment,
        **_variables(real_workshop, {"PIP_INDEX_URL": index, "PIP_FIND_LINKS": ""}),
        "RAYSPACE_WORKER_PACKAGES": json.dumps(said),
    }
    program = (
        "from rayspace.runner.worker_setup import install_in_worker as f; f(); import subprocess,"
        "sys; subprocess.run([sys.executable, '-c', 'import rs_beta; print(rs_beta.VERSION)'])"
    )
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", program],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = [worker.communicate(timeout=240) for worker in workers]
    assert [out for out, _ in outputs] == ["1.0\n", "1.0\n"], outputs
    assert sum("installing rs-alpha" in err for _, err in outputs) == 1


def test_where_nothing_is_missing_nothing_is_started_asked_or_loaded():
    """Seen in a process of its own: a job whose image has all that it needs begins at once."""
    program = (
        "import sys\n"
        "dear, seen = {'subprocess.Popen', 'os.posix_spawn', 'os.fork', 'socket.connect'}, []\n"
        "sys.addaudithook(lambda event, _: seen.append(event) if event in dear else None)\n"
        "from rayspace.runner.installation import Installing, take_plan\n"
        "import json, os, pathlib\n"
        "plan = take_plan(os.environ)\n"
        "done = Installing(plan, pathlib.Path('x'), {}, print).run()\n"
        "assert not done.directory and done.can_report, done\n"
        "names = {requirement.module for requirement in plan.requirements}\n"
        "print(json.dumps([seen, sorted(names & set(sys.modules))]))"
    )
    names = ("nbformat", "yaml", "ray", "numpy", "pandas", "sklearn", "mlflow", "json")
    plan = PackagePlan(requirements=tuple(Requirement(name, name) for name in names))
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(WORKSPACE), installation.PLAN: plan.to_json()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert json.loads(done.stdout) == [[], ["json"]]


def test_a_stop_ends_an_installation(real_workshop, index):
    """An index that never answers must not keep a stopped job."""
    import socket

    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/simple/"
        record = real_workshop.submit(notebook(USE))
        variables = _variables(real_workshop, {"PIP_INDEX_URL": url})
        plan = PackagePlan(requirements=(ALPHA,))
        process = real_workshop.start(record, RAYSPACE_PACKAGES=plan.to_json(), **variables)
        wait_for(lambda: "installing" in real_workshop.live_log(), "it installs")
        process.terminate()
        result = real_workshop.finish(record, process)
    assert result.exit_code == 130
    assert result.tag(Tag.CAUSE) == Cause.STOPPED.value
