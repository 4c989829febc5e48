"""The magics as people type them, in IPython on a real cluster."""

from __future__ import annotations

import dataclasses
import json

import nbclient
import nbformat
import pytest
from IPython.core.interactiveshell import InteractiveShell

from rayspace.errors import ClusterNotFoundError, UsageError
from rayspace.loop import run
from tests.laboratory import notebook_json


def test_use_lets_ray_join_and_disconnect_lets_go(ipython) -> None:
    """ray.init() joins the chosen cluster, also where Ray was imported before."""
    done = ipython(
        "import ray\n"
        "%load_ext rayspace\n"
        "%ray_cluster use lab\n"
        "ray.init(logging_level='ERROR')\n"
        "print('SUM', ray.get(ray.remote(lambda: 41 + 1).remote()))\n"
        "%ray_cluster disconnect\n"
        "print('CONNECTED', ray.is_initialized())\n"
    )
    assert "SUM 42" in done.stdout, done.stdout + done.stderr
    assert "CONNECTED False" in done.stdout
    assert "lab on local" in done.stdout


@pytest.fixture
def other(lab, tmp_path):
    """Put a second cluster on record, with a token of its own; nothing runs there."""
    record = lab.app.record_store.load("lab")
    (tmp_path / "token").write_text("0" * 64)
    lab.app.record_store.save(
        dataclasses.replace(
            record,
            spec=dataclasses.replace(record.spec, name="other"),
            gcs_address="127.0.0.9:6379",
            client_url="ray://127.0.0.9:10001",
            token_path=str(tmp_path / "token"),
        )
    )
    yield "other"
    lab.app.record_store.remove("other")


def test_a_connection_outlives_the_choice_of_another_cluster(ipython, other) -> None:
    """What is attached works on, from magics and from Python, and how to switch is said."""
    done = ipython(
        "import os, ray, rayspace\n"
        "%load_ext rayspace\n"
        "%ray_cluster use lab\n"
        "ray.init(logging_level='ERROR')\n"
        "%ray_cluster use other\n"
        "print('SUM', ray.get(ray.remote(lambda: 41 + 1).remote()))\n"
        "rayspace.clusters.use('other')\n"
        "print('NODES', len(ray.nodes()), ray.get(ray.remote(lambda: 'TASK').remote()))\n"
        "%ray_cluster disconnect\n"
        "print('ADDRESS', os.environ['RAY_ADDRESS'])\n"
    )
    assert "SUM 42" in done.stdout, done.stdout + done.stderr
    assert "NODES 1 TASK" in done.stdout
    assert (
        "Ray in this session stays connected to lab. To switch to other: %ray_cluster disconnect, "
        "then %ray_cluster use other"
    ) in done.stdout
    assert (
        "Ray in this process stays connected to lab. To switch to other:"
        " rayspace.clusters.disconnect(), then rayspace.clusters.use('other')."
    ) in done.stderr
    assert "Detached from lab; ray.init() joins other" in done.stdout
    assert "ADDRESS 127.0.0.9:6379" in done.stdout


def test_down_lets_go_of_the_cluster(ipython) -> None:
    """Ray would end a process that stays connected; what was set before comes back."""
    done = ipython(
        "import os, ray\n"
        "def told(): return [os.environ.get(n) for n in ('RAY_ADDRESS', 'RAY_AUTH_MODE')]\n"
        "os.environ['RAY_ADDRESS'] = '10.0.0.1:6379'\n"
        "%load_ext rayspace\n"
        "%ray_cluster up laptop --name short --cpus 1\n"
        "ray.init(logging_level='ERROR')\n"
        "%ray_cluster down short --dry-run\n"
        "print('STILL', ray.is_initialized(), told()[1])\n"
        "%ray_cluster down short\n"
        "print('THEN', ray.is_initialized(), told())\n"
        "%ray_cluster use lab\n"
        "print('NOW', told()[1])\n"
    )
    assert "STILL True token" in done.stdout, done.stdout + done.stderr
    assert "THEN False ['10.0.0.1:6379', None]" in done.stdout
    assert "NOW token" in done.stdout


def test_connect_attaches_by_ray_client(ipython) -> None:
    """Version and token are checked first, then tasks run through the client."""
    done = ipython(
        "%load_ext rayspace\n"
        "%ray_cluster connect lab\n"
        "import ray\n"
        "five = ray.remote(lambda: 5)\n"
        "print('CLIENT', ray.util.client.ray.is_connected(), ray.get(five.remote()))\n"
        "%ray_cluster connect lab\n"
        "%ray_cluster disconnect\n"
        "import os\n"
        "print('LEFT', ray.util.client.ray.is_connected(), 'RAY_ADDRESS' in os.environ)\n"
    )
    assert "CLIENT True 5" in done.stdout, done.stdout + done.stderr
    assert "Attached to lab already" in done.stdout
    assert "LEFT False False" in done.stdout


def test_a_new_kernel_finds_clusters_and_jobs(ipython, lab) -> None:
    """Nothing is kept in memory: what another process started and shipped is there."""
    job = lab.submit(lab.write("known.ipynb", "print(1)"))
    done = ipython("%load_ext rayspace\n%ray_cluster list --json\n%ray_job list --json\n")
    clusters, _, jobs = done.stdout.partition("}\n{")
    assert "lab" in [c["name"] for c in json.loads(clusters + "}")["clusters"]]
    assert job.name in [j["name"] for j in json.loads("{" + jobs)["jobs"]]
    run(lab.app.jobs.wait(job.name))


def test_an_error_is_a_sentence_and_stops_the_cell(ipython) -> None:
    """No traceback of ours, the magics' own words in the hint, and what follows does not run."""
    done = ipython("%load_ext rayspace\n%ray_cluster status nope\nprint('NEXT')\n")
    output = done.stdout + done.stderr
    assert "ClusterNotFoundError: There is no cluster 'nope'" in output
    assert "%ray_cluster list" in output
    assert "Traceback" not in output


def test_a_notebook_shows_each_value_once_and_keeps_what_is_named(lab) -> None:
    """A line on its own shows its value wherever it stands; values of Python calls are readable."""
    cells = [
        "%load_ext rayspace",
        "%ray_cluster status lab\nstate = %ray_cluster status lab\n%ray_cluster list",
        "jobs = %ray_job list\nfound = %ray_cluster list\nprint(state.name, jobs, found[0].name)",
        "import rayspace\nrayspace.clusters.status('lab')",
        "rayspace.clusters.list()",
        "{'lab': state}",
    ]
    document = nbformat.from_dict(notebook_json(*cells))
    client = nbclient.NotebookClient(
        document, timeout=120, resources={"metadata": {"path": str(lab.app.project)}}
    )
    client.execute(env=lab.app.environ)
    shown = [
        [
            (output.output_type, output.get("text") or output.data["text/plain"])
            for output in cell.outputs
            # Progress is shown by a widget of its own.
            if "application/vnd.jupyter.widget-view+json" not in output.get("data", {})
        ]
        for cell in document.cells
    ]
    assert [[kind for kind, _ in outputs] for outputs in shown] == [
        [],
        ["display_data", "execute_result"],
        ["stream"],
        ["execute_result"],
        ["execute_result"],
        ["execute_result"],
    ]
    (status, listing), (printed,), (value,), (several,), (nested,) = (
        [text for _, text in outputs] for outputs in shown[1:]
    )
    assert status.split()[:4] == ["cluster", "lab", "on", "local"]
    assert value == status
    assert "lab" in listing
    assert "name" in several.splitlines()[0]
    assert printed.startswith("lab [")
    assert nested == "{'lab': <ClusterState lab>}"
    tables = [cell.outputs[-1].data["text/html"] for cell in (document.cells[i] for i in (1, 3, 4))]
    assert all(table.startswith("<table>") for table in tables)


class TestInProcess:
    """What needs no cluster: errors as exceptions, and completion."""

    @pytest.fixture
    def shell(self, lab, monkeypatch):
        monkeypatch.chdir(lab.app.project)
        monkeypatch.setenv("RAYSPACE_STATE_DIR", lab.app.environ["RAYSPACE_STATE_DIR"])
        shell = InteractiveShell.instance()
        shell.run_line_magic("load_ext", "rayspace")
        yield shell
        shell.run_line_magic("unload_ext", "rayspace")
        InteractiveShell.clear_instance()

    def test_errors_are_ours(self, shell) -> None:
        """A program that calls a magic can catch what it raises."""
        with pytest.raises(UsageError):
            shell.run_line_magic("ray_cluster", "upp")
        with pytest.raises(ClusterNotFoundError):
            shell.run_line_magic("ray_cluster", "status nope")

    def test_help_is_printed(self, shell, capsys) -> None:
        """--help says what a verb takes."""
        shell.run_line_magic("ray_job", "submit --help")
        assert "--params-file FILE" in capsys.readouterr().out

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("%ray_cluster sta", "status"),
            ("%ray_cluster up --g", "--gpus"),
            ("%ray_cluster up la", "laptop"),
            ("%ray_cluster status la", "lab"),
            ("ray_job sub", "submit"),
        ],
    )
    def test_tab_completes(self, shell, text, expected) -> None:
        """Verbs, options, profiles and clusters, as the notebook asks for them."""
        _, matches = shell.complete(text, text, len(text))
        assert expected in matches

    def test_tab_completes_jobs(self, shell, lab) -> None:
        """Names of jobs come from the tracking server."""
        lab.write("tab.ipynb", "1")
        name = lab.submit(lab.app.project / "tab.ipynb", wait=True).name
        text = f"%ray_job stop {name[:4]}"
        _, matches = shell.complete(text, text, len(text))
        assert name in matches
