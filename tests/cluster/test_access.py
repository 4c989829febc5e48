"""A notebook on a laptop, and a Ray cluster on Kubernetes that it reaches, through trouble."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import secrets
import subprocess
import sys
import tarfile
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import yaml

from rayspace.app import App
from rayspace.errors import AccessError, VersionMismatchError
from rayspace.loop import run
from rayspace.model.target import AUTO, PORT_FORWARD, PROXY
from tests.cluster.conftest import Namespace
from tests.cluster.images import RAY
from tests.cluster.ingress import Ingress
from tests.cluster.line import Line
from tests.cluster.notebook import CellError, opened
from tests.cluster.samples import RAY_VERSION
from tests.cluster.store import ROOT
from tests.cluster.team import forwarded
from tests.cluster.test_product import Person
from tests.unit.watcher.stage import make_certificate
from tests.waiting import SLOW_S

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cluster.client import Cluster
    from tests.cluster.notebook import Notebook

#: Longer than an API server needs to start again. [s]
_OUTAGE_S = 60.0
#: Each connection is a driver of its own on the head.
_PROFILE = f"""\
description: A head that has room for drivers.
image: {RAY}
head: {{cpus: 1, memory: 3GiB}}
workers: 0
"""
_PROLOGUE = """
import os, socket, sys, time
import ray
%load_ext rayspace

@ray.remote(num_cpus=0)
class Counter:
    def __init__(self):
        self.count = 0

    def add(self, seconds=0):
        time.sleep(seconds)
        self.count += 1
        return self.count

@ray.remote(num_cpus=0)
def where():
    return socket.gethostname()
"""


@pytest.fixture(scope="module")
def line(cluster: Cluster) -> Iterator[Line]:
    """Put a line of ours between the laptop and the API server."""
    with Line(urlsplit(cluster.server).port or 0).standing() as made:
        yield made


@pytest.fixture(scope="module")
def place(cluster: Cluster) -> Iterator[Namespace]:
    """Make one namespace for all tests here."""
    namespace = Namespace(cluster, f"access-{secrets.token_hex(3)}")
    cluster.kubectl("create", "namespace", namespace.name)
    rules = str(ROOT / "templates" / "kubernetes" / "rbac.yaml")
    namespace.kubectl("apply", "-f", rules, user="admin")
    bind = ("create", "rolebinding", "scientist", "--role=rayspace-user", "--user=scientist")
    namespace.kubectl(*bind, user="admin")
    yield namespace
    if not os.environ.get("RAYSPACE_KEEP_NAMESPACES"):
        cluster.kubectl("delete", "namespace", namespace.name, "--wait=false")


def kubeconfig(cluster: Cluster, line: Line, path: Path, user: dict | None = None) -> Path:
    """Write a kubeconfig of the scientist that goes by the line, or of another user."""
    document = yaml.safe_load(cluster.kubeconfig("scientist").read_text())
    document["clusters"][0]["cluster"]["server"] = f"https://127.0.0.1:{line.port}"
    if user is not None:
        document["users"][0]["user"] = user
    path.write_text(yaml.safe_dump(document))
    return path


def person_with(config: Path, place: Namespace, directory: Path) -> Person:
    return Person(SimpleNamespace(kubeconfig=lambda _user: config), place, directory)


@pytest.fixture(scope="module")
def person(cluster: Cluster, line: Line, place: Namespace, tmp_path_factory) -> Person:
    """A person whose cluster ``one`` is up."""
    directory = tmp_path_factory.mktemp("person")
    made = person_with(kubeconfig(cluster, line, directory / "config"), place, directory)
    profiles = made.app.project / ".rayspace" / "profiles"
    (profiles / "roomy.yaml").write_text(_PROFILE)
    made.up("one", "roomy", wait_timeout_s=SLOW_S)
    return made


@pytest.fixture(scope="module")
def notebook(person: Person) -> Iterator[Notebook]:
    """A notebook that is not connected."""
    with opened(person.app.project, person.environ) as made:
        made.run(_PROLOGUE)
        made.run(f"%ray_cluster use one --on {person.target}")
        yield made


def connections(person: Person) -> list[str]:
    """Return the files in which tokens are while they are needed."""
    folder = person.app.state_dir / "connections"
    return [path.name for path in folder.glob("*.token")]


def head_of(person: Person) -> str:
    (pod,) = person.namespace.items("pods", selector="ray.io/cluster=one,ray.io/node-type=head")
    return str(pod["metadata"]["name"])


def test_a_notebook_runs_its_tasks_on_kubernetes(person, notebook):
    """By the verb and by plain ray.init(); twice is once; afterwards nothing is left of it."""
    assert "Attached to one by Ray Client" in notebook.run("%ray_cluster connect")
    here, there = notebook.run("print(socket.gethostname(), ray.get(where.remote()))").split()[-2:]
    assert (there, here != there) == (head_of(person), True)
    assert len(connections(person)) == 1
    assert "Attached to one already" in notebook.run("%ray_cluster connect one")
    assert notebook.run("print(ray.get(where.remote()))").split()[-1] == there
    assert "Detached from one" in notebook.run("%ray_cluster disconnect")
    assert connections(person) == []
    assert "False" in notebook.run("print(ray.is_initialized())")
    notebook.run("ray.init()\nray.init(ignore_reinit_error=True)")
    with pytest.raises(CellError, match="connected to one already, without"):
        notebook.run("ray.init(namespace='other')")
    assert notebook.run("print(ray.get(where.remote()))").split()[-1] == there
    notebook.run("%ray_cluster disconnect")


def test_versions_that_do_not_fit_are_told_in_a_sentence(person):
    """Of the real head, before Ray would hang for half a minute."""
    for ray_version, python_version in (("2.59.0", "3.11.2"), (RAY_VERSION, "3.13.1")):
        with pytest.raises(VersionMismatchError) as caught:
            run(
                person.clusters.preflight(
                    "one",
                    ray_version=ray_version,
                    python_version=python_version,
                    target=person.target,
                )
            )
        here = f"Ray {ray_version}" + (f" on Python {python_version}" * (ray_version != "2.59.0"))
        assert caught.value.message.startswith(f"Here is {here}, the cluster 'one' has Ray 2.60.0")
        assert caught.value.message.count(".\n") == 0
        assert "rayspace cluster up" in caught.value.hint


def app_with(person: Person, directory: Path, **entry: str) -> App:
    """Return the services of a project whose settings hold the target ``team``."""
    folder = directory / "project" / ".rayspace"
    folder.mkdir(parents=True)
    target = {"context": person.context, "namespace": person.namespace.name, **entry}
    (folder / "config.json").write_text(json.dumps({"Rayspace": {"targets": {"team": target}}}))
    return App(directory / "project", {**person.environ, "RAYSPACE_STATE_DIR": str(directory)})


@pytest.mark.parametrize("way", [AUTO, PROXY, PORT_FORWARD])
def test_a_head_answers_by_the_way_that_is_set(person, tmp_path, way):
    """Through the API server, or by a forwarded port."""
    app = app_with(person, tmp_path, access=way)
    state = run(app.clusters.status("one", target="team"))
    assert run(app.head.version(state.address))["ray_version"] == RAY_VERSION
    assert app.doors["team"].way == (PROXY if way == AUTO else way)


def test_where_services_may_not_be_reached_ports_are_forwarded(cluster, person, line, tmp_path):
    """By itself: the Role of another company leaves out the proxy."""
    role = person.namespace.read("roles", "rayspace-user", user="admin")
    rules = [rule for rule in role["rules"] if "services/proxy" not in rule["resources"]]
    role["metadata"] = {"name": "without-proxy"}
    person.namespace.kubectl(
        "apply", "-f", "-", user="admin", stdin=json.dumps({**role, "rules": rules})
    )
    with ticket(person, "porter", "without-proxy") as token:
        config = kubeconfig(cluster, line, tmp_path / "config", {"token": token})
        porter = person_with(config, person.namespace, tmp_path)
        state = run(porter.clusters.status("one", target=porter.target))
        assert run(porter.app.head.version(state.address))["ray_version"] == RAY_VERSION
        assert porter.app.doors[porter.target].way == PORT_FORWARD


#: Runs a job on the cluster ``one`` of the target ``team``, and follows its log.
_BY_INGRESS = """
import os, sys
from pathlib import Path
from rayspace.app import App
from rayspace.loop import run

app = App(Path(sys.argv[1]), os.environ)
address = run(app.clusters.status("one", target="team")).address
sent = {"entrypoint": "echo through the ingress", "env": {}, "metadata": {}}
run(app.head.submit(address, submission_id=sys.argv[2], **sent))

async def followed():
    async for text in app.head.logs(address, sys.argv[2], follow=True):
        sys.stdout.write(text)

run(followed())
"""


def test_an_ingress_is_all_that_is_needed(place, person, tmp_path):
    """By https and a path of the cluster's: Ray's token goes there, Kubernetes' credentials not."""
    make_certificate(tmp_path)
    with forwarded(place, "one-head-svc", 8265) as port:
        passes_on = Ingress(tmp_path, f"/{place.name}/one", f"http://127.0.0.1:{port}")
        with passes_on.standing() as ingress:
            url = f"https://127.0.0.1:{ingress.port}/{{namespace}}/{{cluster}}"
            app = app_with(person, tmp_path, access="url", url=url)
            state = run(app.clusters.status("one", target="team"))
            with pytest.raises(AccessError, match=r"can't be trusted.*self-signed"):
                run(app.head.version(state.address))
            assert ingress.seen == []
            words = (str(app.project), f"by-ingress-{secrets.token_hex(3)}")
            told = subprocess.run(
                [sys.executable, "-c", _BY_INGRESS, *words],
                env={**app.environ, "SSL_CERT_FILE": str(tmp_path / "ca.crt")},
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
    assert told.returncode == 0, told.stderr
    assert "through the ingress" in told.stdout
    secret = place.read("secrets", "one")["data"]["auth_token"]
    token = f"Bearer {base64.b64decode(secret).decode()}"
    assert {headers.get("Authorization") for _, _, headers in ingress.seen} == {token}


#: What a notebook that runs inside of Kubernetes does.
_INSIDE = """
import rayspace, ray
from rayspace.app import current_app
state = rayspace.clusters.use("one", target="in-cluster")
ray.init()
print("ANSWER", ray.get(ray.remote(lambda: 42).remote()))
print("WAY", current_app().doors["in-cluster"].way)
"""


def test_a_pod_reaches_a_head_directly(person):
    """As its own service account; nothing goes through the API server but questions to it."""
    kubectl = person.namespace.kubectl
    account = f"--serviceaccount={person.namespace.name}:inside"
    kubectl("create", "serviceaccount", "inside", user="admin")
    bind = ("create", "rolebinding", "inside", "--role=rayspace-user", account)
    kubectl(*bind, user="admin")
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "inside"},
        "spec": {
            "serviceAccountName": "inside",
            "terminationGracePeriodSeconds": 0,
            "containers": [
                {
                    "name": "main",
                    "image": RAY,
                    "imagePullPolicy": "Never",
                    "command": ["sleep", "600"],
                }
            ],
        },
    }
    kubectl("apply", "-f", "-", user="admin", stdin=json.dumps(pod))
    kubectl("wait", "--for=condition=Ready", "pod/inside", "--timeout=120s")
    inside = ("exec", "-i", "inside", "--")
    unpack = "mkdir /tmp/lib && base64 -d | tar xz -C /tmp/lib"
    kubectl(*inside, "sh", "-c", unpack, user="admin", stdin=packed())
    run_it = "cd /tmp && PYTHONPATH=/tmp/lib HOME=/tmp python -"
    told = kubectl(*inside, "sh", "-c", run_it, user="admin", stdin=_INSIDE)
    assert "ANSWER 42" in told
    assert "WAY direct" in told
    kubectl("delete", "pod", "inside", "--wait=false", user="admin")


def packed() -> str:
    """Return the package as text."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as tar:
        tar.add(ROOT / "workspace" / "rayspace", "rayspace")
    return base64.b64encode(stream.getvalue()).decode()


@contextlib.contextmanager
def ticket(person: Person, name: str, role: str) -> Iterator[str]:
    """Yield a token of a service account with a Role, until the end of the block."""
    kubectl = person.namespace.kubectl
    account = f"{person.namespace.name}:{name}"
    if person.namespace.try_kubectl("get", "serviceaccount", name, user="admin").returncode:
        kubectl("create", "serviceaccount", name, user="admin")
        bind = ("create", "rolebinding", name, f"--role={role}", f"--serviceaccount={account}")
        kubectl(*bind, user="admin")
    stub = f"ticket-{secrets.token_hex(3)}"
    kubectl("create", "secret", "generic", stub, user="admin")
    bound = ("--bound-object-kind=Secret", f"--bound-object-name={stub}")
    yield kubectl("create", "token", name, *bound, user="admin").strip()
    kubectl("delete", "secret", stub, user="admin")


def test_a_login_that_ran_out_is_renewed(cluster, person, line, tmp_path):
    """By the login program of the kubeconfig, for requests, logs that are followed and Ray."""
    passport = tmp_path / "passport.json"
    login = {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "cat",
        "args": [str(passport)],
        "interactiveMode": "Never",
    }
    config = kubeconfig(cluster, line, tmp_path / "config", {"exec": login})
    traveller = person_with(config, person.namespace, tmp_path)

    def issue(token: str) -> None:
        kind = {"apiVersion": login["apiVersion"], "kind": "ExecCredential"}
        passport.write_text(json.dumps({**kind, "status": {"token": token}}))

    with contextlib.ExitStack() as stack:
        with ticket(person, "traveller", "rayspace-user") as first:
            issue(first)
            state = run(traveller.clusters.status("one", target=traveller.target))
            assert run(traveller.app.head.version(state.address))["ray_version"] == RAY_VERSION
            notebook = stack.enter_context(opened(traveller.app.project, traveller.environ))
            notebook.run(_PROLOGUE)
            notebook.run(f"%ray_cluster use one --on {traveller.target}")
            notebook.run("%ray_cluster connect")
            notebook.run("counter = Counter.remote()\nprint(ray.get(counter.add.remote()))")
        with ticket(person, "traveller", "rayspace-user") as second:
            # Kubernetes remembers for ten seconds whom it let in.
            refused = ("--token", first, "get", "pods", "--kubeconfig", "/dev/null")
            server = ("--server", cluster.server, "--insecure-skip-tls-verify")
            person.namespace.until(
                "the first token counts no more",
                lambda: "Unauthorized" in cluster.try_kubectl(*refused, *server).stderr,
            )
            issue(second)
            line.cut()
            line.mend()
            assert run(traveller.app.head.version(state.address))["ray_version"] == RAY_VERSION
            assert notebook.run("print(ray.get(counter.add.remote()))").split()[-1] == "2"


@pytest.fixture
def counting(notebook) -> Iterator[Notebook]:
    """A notebook that is connected and has counted once: what breaks loses the count."""
    notebook.run("%ray_cluster connect")
    said = notebook.run("counter = Counter.remote()\nprint(ray.get(counter.add.remote()))")
    assert said.split()[-1] == "1"
    yield notebook
    notebook.run("%ray_cluster disconnect")


def test_a_connection_outlives_an_api_server_that_is_away(counting, line):
    """For a minute: what ran meanwhile has its result, and actors are as they were."""
    counting.run("late = counter.add.remote(20)")
    line.cut()
    try:
        time.sleep(_OUTAGE_S)
    finally:
        line.mend()
    counts = counting.run("print(ray.get(late), ray.get(counter.add.remote()))")
    assert counts.split()[-2:] == ["2", "3"]


def test_a_connection_outlives_the_sleep_of_a_laptop(counting, line):
    """Its connections lead nowhere when it wakes up, and nobody says so."""
    counting.run("%ray_cluster status")
    line.go_dead()
    counting.sleep(10)
    assert "ready" in counting.run("%ray_cluster status")
    # Ray says that it was away for a while.
    assert counting.run("print(ray.get(counter.add.remote()))").split()[-1] == "2"


def test_a_head_that_was_replaced_is_told_of_and_connected_to_anew(person, counting):
    """Ray has lost what was there; the next connect needs no disconnect."""
    kill = ("delete", "pod", head_of(person), "--force", "--grace-period=0")
    person.namespace.kubectl(*kill, user="admin")
    # It goes on for a moment, until the node has heard of it.
    with pytest.raises(CellError, match="ConnectionError"):
        counting.run("while True: ray.get(counter.add.remote(1))", timeout_s=SLOW_S)
    run(person.clusters.wait_ready("one", target=person.target, timeout_s=SLOW_S))
    assert "Attached to one by Ray Client" in counting.run("%ray_cluster connect")
    assert counting.run("print(ray.get(where.remote()))").split()[-1] == head_of(person)


def test_a_cluster_that_was_deleted_is_told_of(person, notebook):
    """Last here. A cell that waits gets an error, and so does who connects again."""
    notebook.run("from rayspace.gateways import this_ray\nthis_ray._PATIENCE_S = 3600  # Ray's own")
    notebook.run("%ray_cluster connect")
    notebook.run("counter = Counter.remote()")
    person.namespace.kubectl("delete", "raycluster", "one", "--wait=false")
    with pytest.raises(CellError, match="ConnectionError"):
        notebook.run("ray.get(counter.add.remote(600))", timeout_s=SLOW_S)
    with pytest.raises(CellError, match="ClusterNotFoundError"):
        notebook.run("%ray_cluster connect one")
    assert "False" in notebook.run("print(ray.is_initialized())")
