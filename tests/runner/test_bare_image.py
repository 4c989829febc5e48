"""Jobs on the smallest image of Ray, which has nothing of what a job needs: a real Ray of its own.

The runner comes as one file, as on Kubernetes, and everything else from a package index.
"""

from __future__ import annotations

import os
import shutil

import pytest

from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.gateways.runner_archive import runner_archive
from rayspace.model.job import Cause
from rayspace.model.packages import EXIT_PACKAGES, Editable, PackagePlan, PackagesMode, Requirement
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.runner.presence import installed_versions
from tests.runner.bare_python import bare_python
from tests.runner.package_index import served, write_index
from tests.runner.workshop import Workshop, notebook, runner_environment

#: On a busy machine dozens of packages and a Ray take their time. [s]
_PATIENCE_S = 240.0
ALPHA = Requirement("rs_alpha", "rs-alpha==1.0", source="cell 1")
USE = "import rs_alpha, rs_beta\nprint('have', rs_alpha.VERSION, rs_beta.VERSION)"
TASK = """\
import ray
ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
@ray.remote
def task():
    import rs_alpha, mine
    return rs_alpha.VERSION, mine.NAME, ray.__version__
print('task', *ray.get(task.remote()))
"""


#: The first time an environment is made, which a slow line makes long. [s]
pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def bare():
    return bare_python()


@pytest.fixture(scope="module")
def index(bare, tmp_path_factory):
    root = tmp_path_factory.mktemp("index")
    write_index(root)
    bare.offer(root)
    with served(root) as url:
        yield url


@pytest.fixture
def workshop(bare, index, server, tmp_path):
    """Return a workshop with a tracking server over HTTP: MLflow's client has no databases."""
    uri = f"http://127.0.0.1:{server}"
    gateway = MlflowRunGateway(uri, None)
    environment = runner_environment(tmp_path, uri)
    for name in [n for n in environment if n.startswith(("PIP_", "UV_", "VIRTUAL_ENV"))]:
        del environment[name]
    archive = str(runner_archive(tmp_path / "archive"))
    environment |= {
        # As in an image: only what its own Python has.
        "PATH": os.pathsep.join([str(bare.python.parent), os.defpath]),
        "PYTHONPATH": "",
        "PIP_INDEX_URL": index,
        "PIP_CONFIG_FILE": os.devnull,
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_AUTH_MODE": "disabled",
        # On a busy machine.
        "RAY_raylet_start_wait_time_s": "120",
        "RAYSPACE_RUNNER_PATH": archive,
    }
    yield Workshop(tmp_path, gateway, environment, (str(bare.python), archive))
    gateway.close()
    shutil.rmtree(environment["TMPDIR"], ignore_errors=True)


def _start(workshop, plan, *cells, **environment):
    record = workshop.submit(notebook(*cells), {"vendor/mine.py": "NAME = 'mine'\n"})
    return record, workshop.start(record, RAYSPACE_PACKAGES=plan.to_json(), **environment)


def _run(workshop, plan, *cells, **environment):
    return workshop.finish(*_start(workshop, plan, *cells, **environment), _PATIENCE_S)


def test_the_first_job_on_a_stock_image_works(workshop, bare) -> None:
    """With `sync`, which pins also what packages need in turn, and an editable install."""
    before = _names(bare)
    plan = PackagePlan(
        PackagesMode.SYNC,
        (ALPHA,),
        editables=(Editable("mine", "mine", "/elsewhere", "vendor"),),
        constraints=("rs-beta==1.0",),
        pins_from="uv.lock",
    )
    result = _run(
        workshop, plan, USE, TASK, "%load_ext rayspace\nimport rayspace\nprint('is here')"
    )
    assert result.exit_code == 0, result.log
    assert result.run.status is RunStatus.FINISHED
    assert result.text("rs_beta") == "have 1.0 1.0\n"
    assert result.text("def task").endswith(f"task 1.0 mine {before['ray']}\n")
    assert result.text("load_ext") == "is here\n"
    assert "the image lacks, for the runner: papermill>=2.7, nbclient, ipykernel," in result.log
    assert "the image lacks, for the notebook: rs-alpha==1.0." in result.log
    installed = result.files[Artifact.INSTALLED].read_text().splitlines()
    assert {"rs-alpha==1.0", "rs-beta==1.0"} <= set(installed)
    assert result.tag(Tag.N_INSTALLED) == str(len(installed))
    # The image is as it was, and nothing of Ray's came twice.
    assert _names(bare) == before
    assert not {line.partition("==")[0].lower() for line in installed} & set(before)
    assert "results/train.html" in result.files
    assert result.spools == []


def _names(bare) -> dict[str, str]:
    paths = list(bare.python.parent.parent.glob("lib/python*/site-packages"))
    return installed_versions(map(str, paths))


def test_what_can_not_be_installed_is_put_on_record(workshop) -> None:
    """The runner gets what it needs itself, so that the job has a verdict."""
    plan = PackagePlan(requirements=(Requirement("rs_nothing", "rs-nothing", source="cell 1"),))
    result = _run(workshop, plan, "import rs_nothing")
    assert result.exit_code == 1, result.log
    assert result.run.status is RunStatus.FAILED
    assert result.tag(Tag.CAUSE) == Cause.PACKAGES.value
    assert result.tag(Tag.SUMMARY) == "pip failed: No matching distribution found for rs-nothing."
    assert "results/train.ipynb" not in result.files


def test_without_an_index_log_and_exit_code_say_why(workshop) -> None:
    """Not even the verdict can be written: whoever watches the job reads those."""
    nowhere = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple/", "PIP_RETRIES": "1"}
    record, process = _start(workshop, PackagePlan(requirements=(ALPHA,)), USE, **nowhere)
    assert process.wait(_PATIENCE_S) == EXIT_PACKAGES
    said = (workshop.directory / "ray.log").read_text()
    assert "the image lacks, for the runner: papermill>=2.7, nbclient, ipykernel," in said
    assert "rayspace: the job can't run: No package index could be reached from where" in said
    assert workshop.runs.get(record.run_id).status is not RunStatus.FINISHED
    assert workshop.spools() == []


def test_image_names_what_the_runner_lacks_too(workshop) -> None:
    record, process = _start(workshop, PackagePlan(PackagesMode.IMAGE, (ALPHA,)), USE)
    assert process.wait(_PATIENCE_S) == EXIT_PACKAGES
    said = (workshop.directory / "ray.log").read_text()
    assert (
        "The image lacks rs-alpha==1.0 (cell 1), papermill>=2.7 (runner), nbclient (runner),"
        " ipykernel (runner), mlflow-skinny>=3.17.2,<4 (runner), and --packages image installs"
        " nothing; build them into the image, or ship the notebook with --packages auto." in said
    )
    assert "installing" not in said
    assert workshop.runs.get(record.run_id).status is not RunStatus.FINISHED
