"""MLflow in a namespace of a real Kubernetes: what is missing, bringing it, and who gets in."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from http.cookiejar import CookieJar

import pytest

from rayspace.app import App
from rayspace.errors import AccessError, TrackingMissingError
from rayspace.loop import run
from rayspace.model.tracking import TrackingServer
from tests.cluster.derived_images import MLFLOW, STORES
from tests.cluster.store import ROOT
from tests.cluster.team import forwarded, made_volume
from tests.cluster.test_product import Person
from tests.waiting import SLOW_S

_NAME = "rayspace-mlflow"
_USER = "MLFLOW_TRACKING_USERNAME"
_PASSWORD = "MLFLOW_TRACKING_PASSWORD"
_WELL = {"api-server", "kuberay", "rights", "head-account", "job-account", "tracking", "limits"}
#: Logs by what a notebook would write, and says what came of it.
_NOTEBOOK = """\
%load_ext rayspace
%ray_cluster up tiny --name one --workers 0 --context {context} -n {namespace}
import json, os, pathlib, mlflow
mlflow.set_experiment("trial")
pathlib.Path("data.bin").write_bytes(os.urandom(3 * 2**20))
with mlflow.start_run() as run:
    mlflow.log_metric("loss", 0.25)
    mlflow.log_artifact("data.bin", "in/a b")
there = mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="in/a b/data.bin")
same = pathlib.Path(there).read_bytes() == pathlib.Path("data.bin").read_bytes()
pathlib.Path("said.json").write_text(json.dumps([run.info.run_id, same, mlflow.get_tracking_uri()]))
%ray_cluster disconnect
"""
#: What a job's pod does, with what it has as environment.
_POD = """\
import sys, urllib.request, urllib.error, mlflow
try:
    urllib.request.urlopen(sys.argv[1] + "/api/2.0/mlflow/experiments/search?max_results=1")
    print("open")
except urllib.error.HTTPError as exc:
    print("status", exc.code)
mlflow.set_tracking_uri(sys.argv[1])
mlflow.set_experiment("pods")
with mlflow.start_run():
    mlflow.log_metric("from_pod", 1)
    mlflow.log_text("text", "a.txt")
print("logged")
"""


@pytest.fixture
def volume(namespace):
    """Make a volume for the claim: this cluster has no StorageClass."""
    with made_volume(namespace) as path:
        yield path


class Scientist(Person):
    """A person who uses the command line as well."""

    def command(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run ``rayspace`` in the project, with more of an environment."""
        return subprocess.run(
            [sys.executable, "-m", "rayspace.cli", *words],
            cwd=self.app.project,
            env={**self.environ, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=400,
        )

    def doctor(self, *words: str, **more: str) -> tuple[int, dict[str, dict[str, str]]]:
        """Ask the doctor for this target, and return the exit code and the checks by name."""
        done = self.command("doctor", "--on", self.target, "--json", *words, **more)
        assert (done.returncode in {0, 1}, "checks" in done.stdout) == (True, True), (
            done.stdout + done.stderr
        )
        return done.returncode, {c["name"]: c for c in json.loads(done.stdout)["checks"]}

    def fix(self) -> None:
        """Bring MLflow."""
        role = ("create", "rolebinding", _NAME, f"--role={_NAME}", "--user=scientist")
        self.namespace.kubectl(*role, user="admin")
        code, checks = self.doctor("--fix", "--yes", "--mlflow-image", MLFLOW)
        assert (code, checks["tracking"]["state"]) == (0, "ok"), checks


@pytest.fixture
def person(cluster, namespace, tmp_path):
    """Be a scientist."""
    return Scientist(cluster, namespace, tmp_path)


def test_a_doctor_says_what_is_missing_and_who_brings_it(cluster, person, namespace, tmp_path):
    """What this person may bring is theirs, and the rest an administrator's."""
    code, checks = person.doctor()
    assert (code, set(checks)) == (1, _WELL)
    assert {name for name, check in checks.items() if check["state"] != "ok"} == {"tracking"}
    assert checks["tracking"]["owner"] == "admin"
    assert f"kubectl -n {namespace.name} apply -f" in checks["tracking"]["hint"]
    refused = person.command("doctor", "--on", person.target, "--fix", "--yes")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "You may not bring MLflow" in refused.stderr
    with pytest.raises(TrackingMissingError, match=r"--fix"):
        run(person.app.tracking_of(person.target))
    role = ("create", "rolebinding", _NAME, f"--role={_NAME}", "--user=scientist")
    namespace.kubectl(*role, user="admin")
    namespace.kubectl("delete", "serviceaccount", "rayspace-head", user="admin")
    _, checks = person.doctor()
    assert checks["tracking"]["owner"] == "you"
    assert f"rayspace doctor --on {person.target} --fix" in checks["tracking"]["hint"]
    assert (checks["head-account"]["state"], checks["head-account"]["owner"]) == (
        "problem",
        "admin",
    )
    # Nobody is there to be asked, so nothing happens.
    asked = person.command("doctor", "--on", person.target, "--fix")
    assert (asked.returncode, "--yes" in asked.stderr) == (2, True)
    assert namespace.items("deployments", user="admin") == []
    # Who may do nothing is told so once.
    outsider = Scientist(cluster, namespace, tmp_path / "outside", user="outsider")
    code, checks = outsider.doctor()
    assert (code, set(checks)) == (1, {"api-server", "kuberay", "rights"})
    assert f"--user={checks['api-server']['text'].split()[-1]}" in checks["rights"]["hint"]


def test_a_notebook_logs_to_the_mlflow_that_was_brought(person, namespace, volume):
    """With nothing set: metrics and artifacts, and they outlive the server's pod."""
    person.fix()
    script = person.app.project / "trial.ipy"
    script.write_text(_NOTEBOOK.format(context=person.context, namespace=namespace.name))
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--no-banner", str(script)],
        cwd=script.parent,
        env=person.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert (script.parent / "said.json").exists(), done.stdout + done.stderr
    run_id, same, uri = json.loads((script.parent / "said.json").read_text())
    assert same
    assert uri.startswith("http://127.0.0.1:")
    assert "logs to the server of" in done.stdout + done.stderr
    runs = person.app.runs_of(person.target)
    assert runs.get(run_id).metrics == {"loss": 0.25}
    # Another process finds the server after its pod was replaced.
    namespace.kubectl("delete", "pod", "-l", f"app.kubernetes.io/name={_NAME}", user="admin")
    code = textwrap.dedent("""\
        import os, mlflow
        from rayspace import tracking_env
        from rayspace.app import current_app
        tracking_env.point_at(current_app(), os.environ["ON"], print)
        mlflow.log_metric("loss", 0.5, run_id=os.environ["RUN"])
    """)
    namespace.until("MLflow is ready", lambda: person.doctor()[0] == 0, SLOW_S)
    environ = {**person.environ, "ON": person.target, "RUN": run_id}
    subprocess.run([sys.executable, "-c", code], cwd=script.parent, env=environ, check=True)
    assert runs.get(run_id).metrics == {"loss": 0.5}
    # A relay that stands says that it passes, and leads to the new pod.
    namespace.kubectl("delete", "pod", "-l", f"app.kubernetes.io/name={_NAME}", user="admin")
    server = person.app.tracking_server(person.target)
    status = _until_not(503, f"{server.uri}/health", server.token)
    assert status == 200
    assert runs.get(run_id).metrics == {"loss": 0.5}


def _until_not(status: int, uri: str, token: str) -> int:
    deadline_s = time.monotonic() + SLOW_S
    while (seen := _status(uri, token)) == status and time.monotonic() < deadline_s:
        time.sleep(0.5)
    return seen


def _status(uri: str, token: str = "", **headers: str) -> int:
    shown = {"Authorization": f"Bearer {token}"} if token else {}
    request = urllib.request.Request(uri, headers={**headers, **shown})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return answer.status
    except urllib.error.HTTPError as exc:
        return exc.code


def test_the_pages_open_in_a_browser_and_nobody_else_gets_in(person, namespace, volume):
    """By a key that counts once; without it or the token there is nothing to see."""
    # The strictest level that there is.
    level = "pod-security.kubernetes.io/enforce=restricted"
    person.namespace.cluster.kubectl("label", "namespace", namespace.name, level)
    person.fix()
    server = run(person.app.tracking_of(person.target))
    search = f"{server.uri}/api/2.0/mlflow/experiments/search?max_results=1"
    assert _status(search, server.token) == 200
    for shown in ("", "wrong", server.token[:-1]):
        assert _status(search, shown) == 403
        assert _status(server.uri, shown) == 403
    assert _status(search, server.token, Host="rayspace-mlflow:5000") == 403
    command = [sys.executable, "-m", "rayspace.cli", "mlflow", "open", "--on", person.target]
    process = subprocess.Popen(
        [*command, "--json"], cwd=person.app.project, env=person.environ, stdout=subprocess.PIPE
    )
    try:
        lines = "".join(iter(lambda: process.stdout.readline().decode(), "}\n")) + "}"
        told = json.loads(lines)
        assert _status(told["tracking_uri"]) == 403
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
        with opener.open(told["browser_uri"]) as page:
            text = page.read().decode()
        assert "<title>MLflow</title>" in text
        script = text.partition('src="')[2].partition('"')[0]
        with opener.open(f"{told['tracking_uri']}/{script.lstrip('/')}") as answer:
            assert len(answer.read()) > 10_000
        ajax = "ajax-api/2.0/mlflow/experiments/search?max_results=1"
        with opener.open(f"{told['tracking_uri']}/{ajax}") as answer:
            assert json.loads(answer.read())["experiments"][0]["name"] == "Default"
        # Somebody who read the address over a shoulder.
        assert _status(told["browser_uri"]) == 403
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(240) == 0


def test_where_mlflow_asks_for_a_name_people_and_pods_have_one(person, namespace, volume):
    """People set it, pods get it from a Secret, and without there is nothing but 401."""
    password = secrets.token_urlsafe(12)
    make = ("create", "secret", "generic")
    # What a Secret of this name says counts more than the template.
    artifacts = "--from-literal=MLFLOW_ARTIFACTS_DESTINATION=/data/elsewhere"
    namespace.kubectl(*make, _NAME, artifacts, user="admin")
    person.fix()
    namespace.kubectl(
        *make,
        f"{_NAME}-auth",
        f"--from-literal=MLFLOW_AUTH_ADMIN_PASSWORD={password}",
        f"--from-literal=MLFLOW_FLASK_SERVER_SECRET_KEY={secrets.token_hex(32)}",
        user="admin",
    )
    patch = ROOT / "templates" / "kubernetes" / "mlflow-auth.yaml"
    deployment = f"deployment/{_NAME}"
    namespace.kubectl("patch", deployment, "--patch-file", str(patch), user="admin")
    namespace.kubectl("rollout", "status", deployment, "--timeout=180s", user="admin")

    # To a person without a name.
    def is_asked_for_a_name() -> bool:
        code, checks = person.doctor()
        tracking = checks["tracking"]
        return (code, tracking["state"]) == (1, "problem") and _USER in tracking["hint"]

    namespace.until("it asks for a name", is_asked_for_a_name)
    with pytest.raises(AccessError, match="401"):
        run(person.app.tracking_of(person.target))
    # To one with a name, whose pods have none; and who mends nothing that an administrator set.
    mine = {_USER: "admin", _PASSWORD: password}
    done = person.command("doctor", "--on", person.target, "--fix", "--yes", **mine)
    assert "nothing was applied" in done.stderr
    code, checks = person.doctor(**mine)
    assert (checks["tracking"]["state"], checks["tracking-secret"]["state"]) == ("ok", "problem")
    assert code == 1
    literals = [f"--from-literal={name}={value}" for name, value in mine.items()]
    namespace.kubectl(*make, f"{_NAME}-client", *literals)
    code, checks = person.doctor(**mine)
    assert (code, checks["tracking-secret"]["state"]) == (0, "ok")
    app = App(person.app.project, {**person.environ, **mine})
    server = run(app.tracking_of(person.target))
    assert server.secret == f"{_NAME}-client"
    assert password not in repr(server)
    runs = app.runs_of(person.target)
    assert runs.create(experiment="x", name="n", tags={}, params={"a": "1"}).params == {"a": "1"}
    assert _status(f"{server.uri}/api/2.0/mlflow/experiments/search?max_results=1") == 403
    # Pods, with the Secret and without.
    said = _in_pod(namespace, server.pod_uri, server.secret)
    assert {"status 401", "logged"} <= set(said.split("\n"))
    said = _in_pod(namespace, server.pod_uri, "")
    assert "status 401" in said
    assert "logged" not in said.split("\n")
    lists = ("exec", deployment, "--", "find", "/data/elsewhere", "-name", "a.txt")
    assert namespace.kubectl(*lists, user="admin").strip().endswith("/artifacts/a.txt")
    # The same server by settings: one address for this machine, another for pods.
    with forwarded(namespace, "rayspace-mlflow", 5000) as port:
        entry = {"url": f"http://127.0.0.1:{port}", "pod_url": server.pod_uri, "secret": "ours"}
        target = {"context": person.context, "namespace": namespace.name, "tracking": entry}
        file = person.app.project / ".rayspace" / "config.json"
        file.write_text(json.dumps({"Rayspace": {"targets": {"team": target}}}))
        configured = App(person.app.project, {**person.environ, **mine})
        expected = TrackingServer(entry["url"], server.pod_uri, "ours")
        assert run(configured.tracking_of("team")) == expected
        person.target = "team"
        _, checks = person.doctor(**mine)
        assert checks["tracking"]["text"] == (
            f"MLflow at {entry['url']} answers; pods reach it as {server.pod_uri}"
        )
        assert checks["tracking-secret"]["hint"].startswith(
            f"Make it: kubectl -n {namespace.name} create secret generic ours"
        )
        namespace.kubectl(*make, "ours", *literals)
        assert person.doctor(**mine)[0] == 0
        assert person.doctor()[1]["tracking"]["state"] == "problem"


#: Runs PostgreSQL and a store that speaks the protocol of S3, for whoever knows the password.
_STORES = """\
set -e
bin=$(python -c "import pgserver; print(pgserver.__path__[0])")/pginstall/bin
echo "$PASSWORD" > /tmp/password
$bin/initdb -D /tmp/database -U mlflow -A scram-sha-256 --pwfile=/tmp/password >/dev/null
echo "host all all all scram-sha-256" >> /tmp/database/pg_hba.conf
$bin/postgres -D /tmp/database -h 0.0.0.0 -k /tmp &
exec moto_server -H 0.0.0.0 -p 9000
"""
_BUCKET = """\
import boto3
boto3.client("s3", endpoint_url="http://127.0.0.1:9000", aws_access_key_id="a",
             aws_secret_access_key="b", region_name="us-east-1").create_bucket(Bucket="runs")
"""
_LISTED = """\
import boto3
found = boto3.client("s3", endpoint_url="http://127.0.0.1:9000", aws_access_key_id="a",
                     aws_secret_access_key="b").list_objects_v2(Bucket="runs")
print("\\n".join(item["Key"] for item in found.get("Contents", [])))
"""


def _bring_stores(namespace, password: str) -> None:
    labels = {"app": "stores"}
    ports = {"database": 5432, "objects": 9000}
    container = {
        "name": "stores",
        "image": STORES,
        "imagePullPolicy": "Never",
        "command": ["sh", "-c", _STORES],
        "env": [{"name": "PASSWORD", "value": password}],
        "readinessProbe": {"tcpSocket": {"port": ports["objects"]}, "periodSeconds": 1},
    }
    metadata = {"name": "stores", "labels": labels}
    served = [{"name": name, "port": port} for name, port in ports.items()]
    items = [
        {"apiVersion": "v1", "kind": "Pod", "metadata": metadata,
         "spec": {"containers": [container]}},
        {"apiVersion": "v1", "kind": "Service", "metadata": metadata,
         "spec": {"selector": labels, "ports": served}},
    ]  # fmt: skip
    for item in items:
        namespace.kubectl("apply", "-f", "-", user="admin", stdin=json.dumps(item))
    namespace.kubectl("wait", "pod/stores", "--for=condition=Ready", "--timeout=180s", user="admin")


def test_runs_lie_in_a_database_and_an_object_store(person, namespace, volume, tmp_path):
    """As a company has them: what a Secret says is all that there is to set."""
    password = secrets.token_urlsafe(12)
    _bring_stores(namespace, password)
    in_stores = ("exec", "stores", "--")
    namespace.kubectl(*in_stores, "python", "-c", _BUCKET, user="admin")
    settings = {
        "MLFLOW_BACKEND_STORE_URI": f"postgresql+psycopg2://mlflow:{password}@stores:5432/postgres",
        "MLFLOW_ARTIFACTS_DESTINATION": "s3://runs/team-a",
        "MLFLOW_S3_ENDPOINT_URL": "http://stores:9000",
        "AWS_ACCESS_KEY_ID": "a",
        "AWS_SECRET_ACCESS_KEY": "b",
    }
    literals = [f"--from-literal={name}={value}" for name, value in settings.items()]
    namespace.kubectl("create", "secret", "generic", _NAME, *literals, user="admin")
    person.fix()
    runs = person.app.runs_of(person.target)
    mine = runs.create(experiment="mine", name="n", tags={}, params={"lr": "0.1"})
    weights = tmp_path / "weights.bin"
    weights.write_bytes(secrets.token_bytes(2**20))
    runs.upload(mine.run_id, weights, "results")
    server = person.app.tracking_server(person.target)
    assert "logged" in _in_pod(namespace, server.pod_uri, "").split("\n")
    assert runs.get(mine.run_id).params == {"lr": "0.1"}
    got = runs.download(mine.run_id, "results/weights.bin", tmp_path / "got")
    assert got.read_bytes() == weights.read_bytes()
    stored = namespace.kubectl(*in_stores, "python", "-c", _LISTED, user="admin").split()
    assert all(key.startswith("team-a/") for key in stored)
    assert {key.rpartition("/")[2] for key in stored} == {"weights.bin", "a.txt"}
    on_volume = ("exec", f"deployment/{_NAME}", "--", "find", "/data", "-type", "f")
    assert namespace.kubectl(*on_volume, user="admin") == ""


def _in_pod(namespace, uri: str, secret: str) -> str:
    """Log a run in a pod that gets what is in the Secret, as those of jobs do."""
    name = f"p-{secrets.token_hex(3)}"
    container = {
        "name": "p",
        "image": MLFLOW,
        "imagePullPolicy": "Never",
        "command": ["python", "-c", _POD, uri],
        "env": [{"name": "MLFLOW_HTTP_REQUEST_MAX_RETRIES", "value": "1"}],
        "envFrom": [{"secretRef": {"name": secret}}] if secret else [],
    }
    item = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"restartPolicy": "Never", "containers": [container]},
    }
    namespace.kubectl("apply", "-f", "-", user="admin", stdin=json.dumps(item))
    ended = {"Succeeded", "Failed"}
    namespace.until(
        "it ended", lambda: namespace.read("pods", name)["status"]["phase"] in ended, SLOW_S
    )
    return namespace.kubectl("logs", name)
