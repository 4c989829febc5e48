"""JupyterLab as a pod, as a hub starts it for a person: the panel in a real browser, on Kubernetes.

These tests follow each other: the cluster that the first one starts outlives the server.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import yaml
from playwright.async_api import expect

from rayspace.loop import run
from tests import extension_build
from tests.browser.conftest import write_settings
from tests.browser.lab_page import LabPage, started_browser
from tests.cluster.conftest import made_namespace
from tests.cluster.derived_images import LAB
from tests.cluster.images import RAY
from tests.cluster.store import ROOT
from tests.cluster.team import SOLO, await_mlflow, bring_mlflow
from tests.cluster.test_product import Person
from tests.laboratory import notebook_json
from tests.server.jupyter_process import TOKEN, JupyterProcess

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.cluster.conftest import Namespace

#: How long Kubernetes and Ray may take for one thing. [ms]
SLOW_MS = 400_000
BASE_URL = "/user/alice/"
MISSING = "docker.io/rayspace/nobody-has-it:1"
#: What the administrator of the namespace gives to its people.
OF_THE_TEAM = {
    "apiVersion": "v1",
    "kind": "ConfigMap",
    "metadata": {"name": "rayspace-profiles"},
    "data": {"team-solo.yaml": SOLO + "idle: 30m\n"},
}
#: What a hub would have in its image: the product, and what a person brought.
START = """
set -e
python -m pip install --quiet --no-deps --no-index /seat/*.whl
cp -r /seat/config ~/.jupyter && cp -r /seat/work ~/work && cd ~/work
exec jupyter lab --no-browser --ip=0.0.0.0 --port=8888 --ServerApp.base_url=/user/alice/ \\
  --ServerApp.allow_unauthenticated_access=False
"""


@pytest.fixture(scope="module")
def place(cluster) -> Iterator[Namespace]:
    with made_namespace(cluster, "jupyter-pod") as made:
        yield made


#: A file in the pod of a job, once the page has shown that it runs.
SEEN = "/tmp/rayspace-seen"
WAITING = f"import pathlib, time\nwhile not pathlib.Path('{SEEN}').exists():\n    time.sleep(0.1)"


@pytest.fixture(scope="module")
def seat() -> Iterator[Path]:
    """Return a folder that pods see, with the wheel, settings and the project of a person."""
    extension_build.build()
    # Below the folder of pytest nobody but root may look.
    folder = Path(tempfile.mkdtemp(prefix="rayspace-seat-"))
    wheel = ("-m", "pip", "wheel", "-q", "--no-deps", "-w", str(folder), str(ROOT))
    subprocess.run([sys.executable, *wheel], check=True)
    write_settings(folder / "config")
    profiles = folder / "work" / ".rayspace" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "solo.yaml").write_text(SOLO)
    (profiles / "broken.yaml").write_text(SOLO.replace(RAY, MISSING))
    cells = ("import ray; ray.init()", WAITING, "print(len(ray.nodes()), 'node', word)")
    notebook = notebook_json(*cells, parameters="word: str = 'x'")
    (folder / "work" / "hello.ipynb").write_text(json.dumps(notebook))
    for path in (folder, *folder.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="module")
def alice(place, seat, tmp_path_factory) -> Iterator[JupyterProcess]:
    """Start her server as a pod with an account of its own, which may what a person may."""
    bring_mlflow(place)
    place.kubectl("apply", "-f", "-", user="admin", stdin=yaml.safe_dump(OF_THE_TEAM))
    place.kubectl("create", "serviceaccount", "alice", user="admin")
    bind = ("rolebinding", "alice", "--role=rayspace-user", f"--serviceaccount={place.name}:alice")
    place.kubectl("create", *bind, user="admin")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "jupyter-alice"},
        "spec": {
            "serviceAccountName": "alice",
            "terminationGracePeriodSeconds": 5,
            "volumes": [{"name": "seat", "hostPath": {"path": str(seat)}}],
            "containers": [{
                "name": "lab",
                "image": LAB,
                "imagePullPolicy": "Never",
                "command": ["bash", "-c", START],
                "env": [{"name": "JUPYTER_TOKEN", "value": TOKEN}],
                "volumeMounts": [{"name": "seat", "mountPath": "/seat", "readOnly": True}],
                "readinessProbe": {"tcpSocket": {"port": 8888}, "periodSeconds": 1},
                "resources": {"requests": {"cpu": "100m", "memory": "300Mi"}},
            }],
        },
    }  # fmt: skip
    place.kubectl("apply", "-f", "-", user="admin", stdin=yaml.safe_dump(pod))
    place.kubectl("wait", "--for=condition=Ready", "pod/jupyter-alice", "--timeout=120s")
    words = place.cluster.command(
        "port-forward", "pod/jupyter-alice", ":8888", user="admin", namespace=place.name
    )
    line = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert line.stdout is not None
    port = int(line.stdout.readline().partition("127.0.0.1:")[2].split()[0])
    nowhere = tmp_path_factory.mktemp("alice")
    yield JupyterProcess(nowhere, nowhere, nowhere, BASE_URL, port=port)
    line.terminate()
    line.wait()


@pytest.fixture(scope="module")
def bob(cluster, place, own_home, tmp_path_factory) -> Iterator[tuple[Person, JupyterProcess]]:
    """Another person of the namespace, with a server on a laptop."""
    person = Person(cluster, place, tmp_path_factory.mktemp("bob"))
    environ = {"KUBECONFIG": person.environ["KUBECONFIG"]}
    home = tmp_path_factory.mktemp("bob-jupyter")
    server = JupyterProcess(
        person.app.project, home, person.app.state_dir, "/user/bob/", environ=environ
    ).start()
    yield person, server
    server.stop(hard=True)


async def choose(page: LabPage, profile: str, name: str, more: str = "") -> None:
    """Ask for a cluster in the namespace of the pod, in the dialog of the panel."""
    await page.tool("Start a cluster").first.click()
    await page.dialog.get_by_label("Profile").select_option(profile)
    await page.dialog.get_by_label("Where").select_option("in-cluster")
    await call(page, profile, name, more)


async def call(page: LabPage, profile: str, name: str, more: str = "") -> None:
    """Give it a name; the dialog knows all of what is asked for."""
    await page.dialog.get_by_label("Name").fill(name)
    magic = page.dialog.locator(".rayspace-Magic code")
    line = f"%ray_cluster up {profile} --name {name} --on in-cluster{more}"
    await expect(magic).to_have_text(line)


async def test_a_day_in_the_panel(alice, place):
    """A cluster of a team's profile, one that can't come up, a notebook, and what shows them."""
    async with started_browser() as browser:
        page = await LabPage.open(browser, alice)
        group = page.section("profiles").locator(".rayspace-Group")
        await expect(group).to_have_text("Of in-cluster")
        await page.act(page.row("profiles", "team-solo"), "Start")
        await call(page, "team-solo", "one")
        await page.accept()
        one = page.row("clusters", "one")
        await expect(one).to_have_attribute("data-phase", re.compile("starting|ready"))
        await choose(page, "broken", "bad")
        await page.accept()
        bad = page.row("clusters", "bad")
        await expect(bad).to_contain_text(MISSING, timeout=SLOW_MS)
        body = await page.open_row(bad)
        await expect(body.locator(".rayspace-Card").first).to_contain_text(MISSING)
        await body.get_by_text("Evidence").first.click()
        await expect(body.locator(".rayspace-Card-evidence").first).to_contain_text("Pod bad-head")
        # Nobody has to wait for it; what keeps it back is shown all the same.
        await body.get_by_role("button", name="Stop waiting").click()
        await expect(body.get_by_role("button", name="Stop waiting")).to_have_count(0)
        await expect(bad.locator(".rayspace-Card").first).to_contain_text(MISSING)
        await choose(page, "solo", "bad", " --force")
        await page.dialog.locator("button.jp-mod-accept").click()
        await expect(page.dialog).to_contain_text("Replace the cluster bad?")
        await page.dialog.get_by_role("button", name="Replace it").click()
        await expect(bad).to_have_attribute("data-phase", "ready", timeout=SLOW_MS)
        await expect(bad).not_to_contain_text(MISSING)
        group = place.read("rayclusters", "bad")["spec"]["headGroupSpec"]
        assert group["template"]["spec"]["containers"][0]["image"] == RAY
        await page.act(bad, "End")
        await page.dialog.get_by_role("button", name="End it").click()
        await expect(bad).to_have_count(0, timeout=SLOW_MS)

        await expect(one).to_have_attribute("data-phase", "ready", timeout=SLOW_MS)
        await_mlflow(place)
        await page.run_on_ray("hello.ipynb", "one (in-cluster)")
        await page.dialog.get_by_label("word").fill("there")
        await page.accept()
        job = page.row("jobs", "hello.ipynb")
        side = job.locator(".rayspace-Row-side")
        await expect(side).to_have_text(re.compile(r"cell [123] of 4"), timeout=SLOW_MS)
        await expect(one).to_contain_text("in use", timeout=SLOW_MS)
        (head,) = place.items("pods", selector="ray.io/cluster=one")
        place.kubectl("exec", head["metadata"]["name"], "--", "touch", SEEN, user="admin")
        await expect(job).to_have_attribute("data-phase", "succeeded", timeout=SLOW_MS)
        await page.act(job, "Open the executed notebook")
        await expect(page.page.locator(".rayspace-Executed")).to_contain_text("1 node there")
        await expect(one).to_contain_text("idle for", timeout=SLOW_MS)
        await expect(one).to_contain_text(re.compile(r"suspends in (2\d|30) min"))

        await page.act(one, "Open the Ray dashboard")
        ray = page.page.frame_locator("iframe[title='Ray: one']")
        await expect(ray.get_by_text("Cluster utilization")).to_be_visible(timeout=SLOW_MS)
        runs = page.section("runs").locator(".rayspace-Row").first
        name = await runs.locator(".rayspace-Row-title").text_content()
        await page.act(runs, "Open")
        mlflow = page.page.frame_locator(f"iframe[title='MLflow: {name}']")
        await expect(mlflow.get_by_text(str(name)).first).to_be_visible(timeout=SLOW_MS)
        await page.close()


async def test_heads_are_reached_directly(alice, place):
    """Nothing goes by the API server that is next door."""
    version = await alice.get("/rayspace/proxy/ray/in-cluster/one/api/version")
    code = (
        "from pathlib import Path; import os; from rayspace.app import App; "
        "from rayspace.loop import run; app = App(Path.cwd(), os.environ); "
        "run(app.clusters.nodes('one', target='in-cluster')); "
        "print(app.doors['in-cluster'].way)"
    )
    words = ("exec", "jupyter-alice", "--", "bash", "-c", f'cd ~/work && python -c "{code}"')

    assert version["ray_version"] == "2.60.0"
    assert place.kubectl(*words, user="admin").split() == ["direct"]


async def test_another_person_of_the_namespace_changes_nothing_of_hers(alice, bob):
    """They see her cluster and whose it is; what would change it is refused."""
    person, server = bob
    where = f"/rayspace/clusters/{quote(person.target, safe='')}/one"
    detail = await server.get(where)
    refused = {
        verb: await server.ask("POST", f"{where}/{verb}", body)
        for verb, body in (
            ("scale", {"workers": 1}),
            ("suspend", {}),
            ("extend", {"duration_s": 60}),
            ("down", {}),
        )
    }

    account = f"system:serviceaccount:{person.namespace.name}:alice"
    assert (detail["cluster"]["owner"], detail["cluster"]["origin"]) == (account, "foreign")
    for verb, answer in refused.items():
        assert (verb, answer.status, answer.json["code"]) == (verb, 403, "refused")
        assert account in answer.json["message"]
    pane = f"/rayspace/proxy/ray/{quote(person.target, safe='')}/one/api/version"
    unconfirmed = await server.ask("GET", pane)
    await server.ask("POST", f"{where}/dashboard", {"owner": account})
    confirmed = await server.ask("GET", pane)

    assert (unconfirmed.status, unconfirmed.json["code"]) == (403, "refused")
    assert account in unconfirmed.json["message"]
    assert confirmed.status != 403 or confirmed.json.get("code") != "refused"
    assert (await alice.get("/rayspace/clusters/in-cluster/one"))["cluster"]["phase"] == "ready"


def test_ending_the_server_stops_nothing(alice, bob, place):
    """Her cluster goes on without the pod that asked for it."""
    person, _ = bob
    (before,) = place.items("pods", selector="ray.io/cluster=one")
    place.kubectl("delete", "pod", "jupyter-alice", user="admin")
    (after,) = place.items("pods", selector="ray.io/cluster=one")

    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert "deletionTimestamp" not in after["metadata"]
    assert run(person.clusters.status("one", target=person.target)).phase.value == "ready"


pytestmark = pytest.mark.timeout(1800)
