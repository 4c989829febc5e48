"""The command as people type it: what it prints, and how it ends."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path

import pytest

from rayspace.loop import run
from tests.ray_by_hand import ray_by_hand


@pytest.fixture
def cli(lab):
    """Run one command in the project of the running cluster."""

    def call(*words: str, cwd=None, env=None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "rayspace.cli", *words],
            cwd=cwd or lab.app.project,
            env={**lab.app.environ, **(env or {})},
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    return call


def test_a_notebook_is_shipped_and_comes_back(cli, lab) -> None:
    """submit --wait --json ends with 0 and prints the job; fetch says where its results are."""
    lab.write("cli.ipynb", "print(lr * 2)", parameters="lr: float = 0.5")
    done = cli("job", "submit", "cli.ipynb", "-p", "lr", "-1e-3", "--wait", "--json")
    assert done.returncode == 0, done.stderr + done.stdout
    job = json.loads(done.stdout)
    assert (job["phase"], job["parameters"]) == ("succeeded", {"lr": "-0.001"})
    assert job["tracking_uri"] == f"sqlite:///{lab.app.project}/mlflow.db"
    paths = json.loads(cli("job", "fetch", job["name"], "--json").stdout)
    executed = json.loads(Path(paths["notebook"]).read_text("utf-8"))
    texts = ["".join(o.get("text", "")) for c in executed["cells"] for o in c.get("outputs", [])]
    assert texts == ["-0.002\n"]
    listed = json.loads(cli("job", "list", "--json").stdout)["jobs"]
    assert job["name"] in [item["name"] for item in listed]
    log = cli("job", "logs", job["name"])
    assert "-0.002" in log.stdout


def test_a_failed_job_that_was_waited_for_ends_with_1(cli, lab) -> None:
    """The reason is on the screen."""
    lab.write("bad.ipynb", "1 / 0")
    done = cli("job", "submit", "bad.ipynb", "--wait")
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr + done.stdout
    facts = dict(line.split(maxsplit=1) for line in done.stdout.splitlines())
    assert (Path(facts["results"]) / "bad.ipynb").is_file()
    # A piped list has all of each job on one line.
    (line,) = (line for line in cli("job", "list").stdout.splitlines() if facts["job"] in line)
    assert "ZeroDivisionError: division by zero" in line
    shutil.rmtree(facts["results"])
    assert f"rayspace job fetch {facts['job']}" in cli("job", "status", facts["job"]).stdout


def test_the_runs_open_in_mlflows_pages(lab) -> None:
    """For whoever has the key, which counts once; other users of this machine see nothing."""
    lab.app.runs.create(experiment="pages", name="one", tags={}, params={})
    process = subprocess.Popen(
        [sys.executable, "-m", "rayspace.cli", "mlflow", "open", "--json"],
        cwd=lab.app.project, env=lab.app.environ, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        told = json.loads("".join(iter(process.stdout.readline, "}\n")) + "}")
        root = told["browser_uri"].partition("/-/")[0]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with opener.open(told["browser_uri"]) as page:
            assert "<title>MLflow</title>" in page.read().decode()
        with opener.open(f"{root}/ajax-api/2.0/mlflow/experiments/search?max_results=9") as answer:
            names = {found["name"] for found in json.loads(answer.read())["experiments"]}
        assert "pages" in names
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(told["browser_uri"])
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(240) == 0


def test_a_shell_attaches_with_the_line_that_status_shows(cli, lab) -> None:
    """Copied as it is, it makes plain ray.init() join the cluster, with its token."""
    shown = cli("cluster", "status", "lab").stdout
    (line,) = (line for line in shown.splitlines() if line.startswith("attach"))
    program = "import ray; ray.init(); print('NODES', len(ray.nodes()))"
    done = subprocess.run(
        ["bash", "-c", f"{line.removeprefix('attach').strip()}; exec \"$0\" -c \"$1\"",
         sys.executable, program],
        env=lab.app.environ, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert "NODES 1" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("words", "code", "name"),
    [
        (["cluster", "status", "nope"], 2, "cluster_not_found"),
        (["cluster", "up", "lptop"], 2, "profile_not_found"),
        (["cluster", "up", "--memory", "8"], 2, "quantity"),
        (["cluster", "upp"], 2, "usage"),
        (["job", "submit", "none.ipynb"], 2, "notebook_not_found"),
        (["job", "submit"], 2, "usage"),
        (["job", "status", "none-xxxxx"], 2, "job_not_found"),
        (["cluster", "connect"], 2, "usage"),
        (["nonsense"], 2, "usage"),
    ],
)
def test_a_wrong_line_ends_with_its_code_as_json(cli, words, code, name) -> None:
    """Errors are JSON too, with the same four names."""
    done = cli(*words, "--json")
    assert done.returncode == code
    error = json.loads(done.stdout)
    assert set(error) == {"code", "message", "hint", "details"}
    assert error["code"] == name
    assert error["hint"]


@pytest.mark.parametrize(
    "words", [["cluster", "list"], ["cluster", "nodes"], ["cluster", "profiles"]]
)
def test_listings_are_json_under_their_name(cli, words) -> None:
    """One key, a list of objects."""
    done = cli(*words, "--json")
    assert done.returncode == 0
    listing = json.loads(done.stdout)
    key = {"list": "clusters"}.get(words[1], words[1])
    assert list(listing) == [key]
    assert listing[key]


def test_ctrl_c_ends_the_waiting_and_not_the_job(lab) -> None:
    """130, a word on what goes on, and the job still runs."""
    lab.write("long.ipynb", "import time\ntime.sleep(600)")
    process = subprocess.Popen(
        [sys.executable, "-m", "rayspace.cli", "job", "submit", "long.ipynb", "--wait"],
        cwd=lab.app.project,
        env=lab.app.environ,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen = ""
    while "was accepted" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    _, rest = process.communicate(timeout=240)
    assert process.returncode == 130
    assert "goes on" in rest
    state = run(lab.app.jobs.status())
    assert not state.phase.is_terminal
    run(lab.app.jobs.stop(state.name))


def test_ctrl_c_while_a_log_is_read_names_the_job(cli, lab) -> None:
    """It goes on; only the reading ends."""
    lab.write("talk.ipynb", "import time\nprint('TALK')\ntime.sleep(600)")
    job = json.loads(cli("job", "submit", "talk.ipynb", "--json").stdout)["name"]
    process = subprocess.Popen(
        [sys.executable, "-m", "rayspace.cli", "job", "logs", "-f", job],
        cwd=lab.app.project,
        env=lab.app.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    while "TALK" not in (line := process.stdout.readline()):
        assert line
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=240)
    assert process.returncode == 130
    assert f"The job goes on; see it with: rayspace job status {job}" in said
    run(lab.app.jobs.stop(job))


def test_two_projects_get_a_cluster_each(cli, lab, tmp_path) -> None:
    """The plain name belongs to the first project; the second is told its own."""
    (tmp_path / "beta" / ".rayspace").mkdir(parents=True)
    first = json.loads(cli("cluster", "up", "--dry-run", "--json").stdout)
    assert first["spec"]["name"] == "laptop"
    # Another project's cluster of that name, as its record would say.
    store = lab.app.record_store
    lab_record = store.load("lab")
    import dataclasses

    spec = dataclasses.replace(lab_record.spec, name="laptop", project="/elsewhere")
    store.save(dataclasses.replace(lab_record, spec=spec))
    try:
        second = json.loads(
            cli("cluster", "up", "--dry-run", "--json", cwd=tmp_path / "beta").stdout
        )
    finally:
        store.remove("laptop")
    assert second["spec"]["name"] == "laptop-beta"


def test_a_job_that_is_just_starting_ends_with_its_cluster(cli, lab, tmp_path) -> None:
    """It was stopped, says so at once, and can be run again."""
    project = tmp_path / "short"
    (project / ".rayspace").mkdir(parents=True)
    text = lab.write("short.ipynb", "import time; time.sleep(600)").read_text()
    (project / "short.ipynb").write_text(text)
    assert cli("cluster", "up", "--name", "short", cwd=project).returncode == 0
    words = ("job", "submit", "short.ipynb", "--cluster", "short", "--json")
    job = json.loads(cli(*words, cwd=project).stdout)
    done = cli("cluster", "down", "short", cwd=project)
    assert done.returncode == 0, done.stderr
    ended = json.loads(cli("job", "status", job["name"], "--json", cwd=project).stdout)
    assert (ended["phase"], ended["cause"]) == ("stopped", "stopped")
    again = cli("job", "retry", job["name"], "--cluster", "short", cwd=project)
    assert "no cluster" in again.stderr


def test_a_ray_started_by_hand_is_adopted(cli, lab, tmp_path) -> None:
    """It gets a name, runs jobs, and goes on when it is forgotten."""
    with ray_by_hand(tmp_path) as url:
        done = cli("cluster", "adopt", "hers", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        state = json.loads(done.stdout)
        assert (state["name"], state["origin"], state["phase"]) == ("hers", "adopted", "ready")
        assert state["address"]["dashboard_url"] == url
        lab.write("hers.ipynb", "import ray; ray.init(); print(ray.cluster_resources()['CPU'])")
        done = cli("job", "submit", "hers.ipynb", "--cluster", "hers", "--wait", "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        assert cli("cluster", "down", "hers").returncode == 0
        assert cli("cluster", "adopt", "hers").returncode == 0
        assert cli("cluster", "down", "hers").returncode == 0
    run(lab.app.clusters.use("lab"))


def test_the_shell_completes(lab) -> None:
    """Answers in the protocol of argcomplete, with names of what there is."""
    line = "rayspace cluster status la"
    env = {
        **lab.app.environ,
        "_ARGCOMPLETE": "1",
        "_ARGCOMPLETE_IFS": "\n",
        "COMP_LINE": line,
        "COMP_POINT": str(len(line)),
        "COMP_TYPE": "9",
    }
    read, write = os.pipe()
    command = f'exec 8>&{write}; exec "$0" -m rayspace.cli'
    done = subprocess.run(
        ["bash", "-c", command, sys.executable],
        env=env,
        cwd=lab.app.project,
        pass_fds=[write],
        check=False,
        timeout=240,
    )
    os.close(write)
    with os.fdopen(read) as stream:
        assert stream.read().split() == ["lab"]
    assert done.returncode == 0
