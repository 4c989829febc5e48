"""Trouble that a shipped notebook must survive: nothing is lost, nothing runs twice, all is told.

Many jobs run at once, each with a trouble of its own, so that their waits overlap.
"""

from __future__ import annotations

import contextlib
import json
import random
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from rayspace.core.jobs import lifecycle
from rayspace.errors import GatewayUnavailableError
from rayspace.loop import run
from rayspace.model.job import Cause, JobPhase
from rayspace.model.run import Artifact, RunStatus, Tag
from tests.cluster import kueue
from tests.cluster.conftest import made_namespace
from tests.cluster.images import RAY
from tests.cluster.line import Line
from tests.cluster.team import Shipper, await_mlflow, bring_mlflow
from tests.cluster.test_access import kubeconfig
from tests.cluster.test_kueue import reserved
from tests.cluster.test_kueue import submit as submit_cluster
from tests.waiting import SLOW_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rayspace.model.job import JobState
    from rayspace.model.run import RunRecord
    from tests.cluster.client import Cluster
    from tests.cluster.conftest import Namespace

#: Asks for little, so that many fit, and may take what there is.
SMALL = f"""\
description: A head.
image: {RAY}
head: {{cpus: 1, memory: 1400MiB}}
workers: 0
rayCluster:
  spec:
    headGroupSpec:
      template:
        spec:
          containers:
            - name: ray-head
              resources: {{requests: {{cpu: 300m}}, limits: {{cpu: null}}}}
"""
#: The same and a worker.
PAIR = (
    SMALL.replace("workers: 0", "workers: 1\ncpus: 1\nmemory: 1GiB")
    + """\
    workerGroupSpecs:
      - groupName: workers
        template:
          spec:
            containers:
              - name: ray-worker
                resources: {requests: {cpu: 300m}, limits: {cpu: null}}
"""
)
#: The same, with little room on its disk.
NARROW = (
    SMALL
    + """\
              volumeMounts: [{name: room, mountPath: /tmp}]
          volumes:
            - {name: room, emptyDir: {medium: Memory, sizeLimit: 64Mi}}
"""
)
#: Leaves a file in its run each time that it begins.
BEGINS = """\
import mlflow, os, time
mlflow.log_text("", f"began/{time.time_ns()}.txt")
is_first = len(mlflow.MlflowClient().list_artifacts(os.environ["RAYSPACE_RUN_ID"], "began")) == 1
"""
#: Goes on for ever, the first time.
COUNTS = """\
for i in range(900 if is_first else 1):
    print("second", i, flush=True)
    time.sleep(1)
"""
#: Goes on for longer than the line is cut.
LASTS = COUNTS.replace("900 if is_first else 1", "80")
#: Logs until it had to wait for its tracking server.
LOGS = """\
waited_s = 0
for i in range(900):
    if waited_s > 20:
        break
    began = time.monotonic()
    mlflow.log_metric("step", i, step=i)
    waited_s = time.monotonic() - began
    time.sleep(0.5)
print("last", i - 1)
"""
#: Ends as soon as its tracking server is away.
ENDS = """\
import urllib.request
def is_away():
    try:
        urllib.request.urlopen(os.environ["MLFLOW_TRACKING_URI"] + "/health", timeout=5)
    except OSError as exc:
        # A busy one may be slow to answer.
        return isinstance(getattr(exc, "reason", exc), ConnectionRefusedError)
while not is_away():
    time.sleep(1)
print("all done")
"""
#: Two tasks, for each of which there is room on another node.
TASKS = """\
import ray, socket
ray.init(log_to_driver=False)
@ray.remote(num_cpus=1)
def where(number):
    import mlflow, socket, time
    host = socket.gethostname()
    mlflow.log_text("", f"tasks/{number}-{host}.txt")
    client, run_id = mlflow.MlflowClient(), mlflow.active_run().info.run_id
    def begun():
        return [file.path for file in client.list_artifacts(run_id, "tasks")]
    while "head" in host and len(begun()) < 2:
        time.sleep(0.5)
    if "head" not in host and sum(f"/{number}-" in path for path in begun()) == 1:
        time.sleep(900)  # Until its worker is killed.
    return host
print(len(ray.get([where.remote(n) for n in range(2)])), "results")
"""
#: Fills the disk, and goes on.
FILLS = """\
try:
    with open("/tmp/hoard", "wb") as stream:
        while True:
            stream.write(bytes(1 << 20))
except OSError as exc:
    print(exc)
for i in range(8):
    print("went on", i, flush=True)
    time.sleep(1)
"""
#: More than a head may have.
HUNGRY = "hoard = [bytearray(b'x' * (64 << 20)) for _ in range(40)]"


@pytest.fixture(scope="module")
def team(cluster: Cluster) -> Iterator[Namespace]:
    """Have a namespace with MLflow for all tests here."""
    with made_namespace(cluster, "chaos") as namespace:
        bring_mlflow(namespace)
        await_mlflow(namespace)
        yield namespace


@pytest.fixture(scope="module")
def person(cluster: Cluster, team: Namespace, tmp_path_factory: pytest.TempPathFactory) -> Shipper:
    made = Shipper(cluster, team, tmp_path_factory.mktemp("person"))
    for name, text in {"small": SMALL, "pair": PAIR}.items():
        (made.project / ".rayspace" / "profiles" / f"{name}.yaml").write_text(text)
    return made


@dataclass(frozen=True)
class End:
    """A job that ended, and all that its run holds."""

    job: JobState
    record: RunRecord
    children: list[RunRecord]
    files: set[str]
    notebook: dict
    log: str

    @property
    def told(self) -> tuple[JobPhase, Cause]:
        return self.job.phase, self.job.cause

    @property
    def text(self) -> str:
        """All that cells printed."""
        return printed(self.notebook)


def printed(notebook: dict) -> str:
    """Return all that the cells of a notebook printed."""
    outputs = (output for cell in notebook["cells"] for output in cell.get("outputs", []))
    return "".join("".join(output.get("text", "")) for output in outputs)


def end_of(person: Shipper, name: str, stem: str) -> End:
    """Wait for the end of a job, which has a notebook and a log at least."""
    job = person.ended(name, SLOW_S)
    record, children, files = person.record(name)
    assert {f"results/{stem}.ipynb", Artifact.DRIVER_LOG} <= files, (job, files)
    notebook = json.loads(person.artifact(record.run_id, f"results/{stem}.ipynb"))
    return End(
        job, record, children, files, notebook, person.artifact(record.run_id, "logs/driver.log")
    )


def n_begun(person: Shipper, end: End) -> int:
    """Return how often a notebook began to run."""
    return len(person.app.runs_of(person.target).artifacts(end.record.run_id, "began"))


def head_of(person: Shipper, job: str) -> str:
    """Return the pod of a job's head."""
    (name,) = pods_of(person, job, "head")
    return name


def pods_of(person: Shipper, job: str, kind: str) -> list[str]:
    """Return the pods of a job's cluster: head or worker."""
    cluster = person.namespace.read("rayjobs", job)["status"]["rayClusterName"]
    label = f"ray.io/node-type={kind},ray.io/cluster={cluster}"
    pods = person.namespace.items("pods", selector=label)
    return [pod["metadata"]["name"] for pod in pods]


def inside(person: Shipper, job: str, *words: str) -> None:
    """Run a program in the head of a job, as the administrator."""
    command = ("exec", head_of(person, job), "-c", "ray-head", "--", *words)
    person.namespace.kubectl(*command, user="admin")


def begun(person: Shipper, cells: dict[str, str], **options: dict[str, object]) -> dict[str, str]:
    """Have jobs that run, by the stems of their notebooks."""
    jobs = {}
    for stem, cell in cells.items():
        path = person.notebook(f"{stem}.ipynb", BEGINS, cell)
        # None takes the room of the next ones, but who reads Ray's log of it needs its head.
        more = {"keep_failed_s": 600.0 if stem == "runner" else 0.0, **options.get(stem, {})}
        jobs[stem] = person.submit(path, profile="small", **more).name
    for name in jobs.values():
        person.until(name, "its second cell", lambda job: is_in(job, 2), SLOW_S)
    for stem, cell in cells.items():
        if cell is COUNTS:
            kept = f"a snapshot of {stem}"
            person.namespace.until(kept, lambda stem=stem: has_snapshot(person, jobs[stem], stem))
    return jobs


def has_snapshot(person: Shipper, job: str, stem: str) -> bool:
    """Whether the run holds what a job that counts has printed so far."""
    record, _, files = person.record(job)
    path = f"results/{stem}.ipynb"
    return path in files and "second 1" in person.artifact(record.run_id, path)


def is_in(job: JobState, cell_number: int) -> bool:
    """Whether a job is in a cell, or was."""
    is_there = job.progress is not None and job.progress.cell_number >= cell_number
    return is_there or job.phase.is_terminal


@pytest.fixture(scope="module")
def headless(person: Shipper) -> dict[str, str]:
    """Have jobs that run, each of which then loses its cluster."""
    stems = dict.fromkeys(("pod", "again", "drained", "deleted"), COUNTS)
    jobs = begun(person, stems, again={"retries": 1})
    # The time that a pod is given to end is short for a machine that starts two more beside it.
    drained = ("pod", head_of(person, jobs["drained"]))
    person.namespace.kubectl("delete", "--wait=false", *drained, user="admin")
    person.ended(jobs["drained"])
    for stem in ("pod", "again"):
        words = ("pod", head_of(person, jobs[stem]), "--grace-period=0", "--force")
        person.namespace.kubectl("delete", "--wait=false", *words, user="admin")
    person.namespace.kubectl("delete", "--wait=false", "rayjob", jobs["deleted"])
    return jobs


@pytest.fixture(scope="module")
def waiting(
    cluster: Cluster, person: Shipper, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Have somebody wait for a job, whose line to Kubernetes is then cut for a minute."""
    with Line(urlsplit(cluster.server).port or 0).standing() as line:
        config = kubeconfig(cluster, line, tmp_path_factory.mktemp("line") / "config")
        notebook = person.notebook("waited.ipynb", BEGINS, LASTS).name
        words = ("submit", notebook, "--profile", "small", "--on", person.target, "--wait")
        process = subprocess.Popen(
            [sys.executable, "-m", "rayspace.cli", "job", *words],
            cwd=person.project,
            env={**person.environ, "KUBECONFIG": str(config)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        name = run_of(person, notebook).tags[Tag.JOB]
        person.until(name, "its second cell", lambda job: is_in(job, 2), SLOW_S)
        line.cut()
        timer = threading.Timer(60.0, line.mend)
        timer.start()
        try:
            yield process, name
        finally:
            timer.join()
            process.kill()


def run_of(person: Shipper, notebook: str) -> RunRecord:
    """Return the run of a notebook, which another process ships, once it is there."""
    runs = person.app.runs_of(person.target)

    def made() -> RunRecord | None:
        found = runs.jobs(limit=5)
        return next((run for run in found if run.tags[Tag.NOTEBOOK] == notebook), None)

    return person.namespace.until(f"a run of {notebook}", made)


@pytest.fixture(scope="module")
def struck(person: Shipper, waiting: object) -> dict[str, str]:
    """Have jobs that run, each of which then loses one of its processes.

    Meanwhile somebody else waits, on a line that is cut.
    """
    stems = dict.fromkeys(("kernel", "runner", "container"), COUNTS)
    jobs = begun(person, {**stems, "hungry": HUNGRY})
    inside(person, jobs["kernel"], "pkill", "-KILL", "-f", "ipykernel_launcher")
    inside(person, jobs["runner"], "pkill", "-KILL", "-f", "runner.zip")
    inside(person, jobs["container"], "pkill", "-KILL", "gcs_server")
    return jobs


def test_a_killed_kernel(person, struck):
    """Its cell, its outputs and its log are kept."""
    end = end_of(person, struck["kernel"], "kernel")
    assert end.told == (JobPhase.FAILED, Cause.KERNEL_DIED)
    assert "The kernel died in cell 2 (signal 9 (SIGKILL))" in end.job.reason
    assert "second 1" in end.text
    assert "second 1" in end.log


def test_a_cell_that_takes_all_memory(person, struck):
    """The system kills the kernel, and not the head."""
    end = end_of(person, struck["hungry"], "hungry")
    assert end.told == (JobPhase.FAILED, Cause.KERNEL_DIED)
    assert "memory runs out" in end.job.reason


def test_a_killed_runner(person, struck):
    """Whoever looks says so, and stores the log as Ray has it, and what Kubernetes told."""
    end = end_of(person, struck["runner"], "runner")
    assert end.told == (JobPhase.FAILED, Cause.RUNNER_KILLED)
    assert "killed by signal 9" in end.job.reason
    assert "second 1" in end.text
    assert "second 1" in end.log
    assert Artifact.EVENTS in end.files
    assert n_begun(person, end) == 1
    # Its head was kept to be read; others need the room.
    person.namespace.kubectl("delete", "rayjob", struck["runner"], "--wait=false")


def test_a_head_whose_container_ended(person, struck):
    """As of a head that was killed for want of memory: it starts again in its pod."""
    end = end_of(person, struck["container"], "container")
    assert end.told == (JobPhase.FAILED, Cause.HEAD_LOST)
    assert "second 1" in end.text
    assert n_begun(person, end) == 1


def test_a_line_that_was_cut(person, waiting):
    """Who waits goes on waiting, is told of it, and gets the results."""
    process, name = waiting
    told, _ = process.communicate(timeout=SLOW_S)
    assert process.returncode == 0, told
    assert "The job goes on without this machine" in told
    end = end_of(person, name, "waited")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    fetched = person.project / "waited.runs" / name / "waited.ipynb"
    assert "second 79" in fetched.read_text()


def test_a_deleted_job(person, headless):
    """KubeRay stops it before its pod goes, and the runner is told of both."""
    end = end_of(person, headless["deleted"], "deleted")
    assert end.told == (JobPhase.STOPPED, Cause.STOPPED)
    assert "second 1" in end.text
    # Who is told first, by KubeRay or by Kubernetes, is a matter of moments.
    ways = ("The job was stopped in cell 2.", "Kubernetes took the job's pod away in cell 2")
    assert any(way in end.log for way in ways)


def test_a_drained_node(person, headless):
    """The runner is told while its pod has time left, and saves what it has."""
    end = end_of(person, headless["drained"], "drained")
    assert end.told == (JobPhase.STOPPED, Cause.STOPPED)
    assert "Kubernetes took the job's pod away in cell 2" in end.job.reason
    assert "second 1" in end.text
    assert "second 1" in end.log
    assert n_begun(person, end) == 1


def test_a_killed_head(person, headless):
    """KubeRay makes another and submits again; the notebook does not run a second time."""
    end = end_of(person, headless["pod"], "pod")
    # A kubelet may still find the second in which a runner that is told can save what it has.
    lost, told = (JobPhase.FAILED, Cause.HEAD_LOST), (JobPhase.STOPPED, Cause.STOPPED)
    assert end.told in (lost, told)
    assert end.told == lost or "took the job's pod away" in end.job.reason
    assert "second 1" in end.text
    assert n_begun(person, end) == 1


def test_a_killed_head_with_a_retry(person, headless):
    """What was cut off is a child run."""
    end = end_of(person, headless["again"], "again")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    (first,) = [child for child in end.children if child.tags.get(Tag.ATTEMPT) == "1"]
    assert (first.status, first.tags[Tag.CAUSE]) == (RunStatus.FAILED, Cause.HEAD_LOST.value)
    kept = json.loads(person.artifact(first.run_id, "results/again.ipynb"))
    assert "second 1" in printed(kept)
    assert n_begun(person, end) == 2


@pytest.fixture(scope="module")
def unheard(person: Shipper) -> dict[str, str]:
    """Have jobs whose tracking server is away while they run, and as they end.

    Their operator is killed while their clusters come up.
    """
    stems = {"logs": LOGS, "ends": ENDS, "tasks": TASKS}
    jobs = {}
    for stem, cell in stems.items():
        path = person.notebook(f"{stem}.ipynb", BEGINS, cell)
        profile = "pair" if stem == "tasks" else "small"
        jobs[stem] = person.submit(path, profile=profile).name
    person.namespace.until("its cluster comes up", lambda: is_coming_up(person, jobs["tasks"]))
    operator = ("-n", "kuberay-system", "delete", "pod", "--force", "--grace-period=0")
    labels = "app.kubernetes.io/component=kuberay-operator"
    person.namespace.cluster.kubectl(*operator, "-l", labels)
    for name in jobs.values():
        person.until(name, "its second cell", lambda job: is_in(job, 2), SLOW_S)
    person.until(jobs["tasks"], "both tasks", lambda _: n_tasks(person, jobs["tasks"]) == 2)
    kill = ("delete", "pod", "--force", "--grace-period=0")
    person.namespace.kubectl(*kill, *pods_of(person, jobs["tasks"], "worker"), user="admin")
    with silent(person.namespace):
        time.sleep(75)
    return jobs


def is_coming_up(person: Shipper, job: str) -> bool:
    """Whether KubeRay waits for the cluster of a job."""
    status = person.namespace.read("rayjobs", job).get("status") or {}
    return status.get("jobDeploymentStatus") == "Initializing"


def n_tasks(person: Shipper, job: str) -> int:
    """Return how many tasks have begun."""
    record, _, _ = person.record(job)
    return len(person.app.runs_of(person.target).artifacts(record.run_id, "tasks"))


@contextlib.contextmanager
def silent(namespace: Namespace) -> Iterator[None]:
    """Let nobody reach MLflow."""
    patch = ("patch", "service", "rayspace-mlflow", "--type=merge", "-p")

    def lead_to(name: str) -> None:
        selector = {"app.kubernetes.io/name": name}
        namespace.kubectl(*patch, json.dumps({"spec": {"selector": selector}}), user="admin")

    lead_to("nobody")
    # Connections that stand outlive that; what is stored outlives the container.
    server = ("exec", "deployment/rayspace-mlflow", "--", "pkill", "-KILL", "-f", "uvicorn")
    namespace.kubectl(*server, user="admin")
    try:
        yield
    finally:
        lead_to("rayspace-mlflow")


def test_what_was_logged_while_mlflow_was_away(person, unheard):
    """The cell that logs waits for it; each value is there."""
    end = end_of(person, unheard["logs"], "logs")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    assert f"last {end.record.metrics['step']:.0f}\n" in end.text


def test_an_end_while_mlflow_is_away(person, unheard):
    """The runner keeps what it has until it can be stored."""
    end = end_of(person, unheard["ends"], "ends")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    assert "all done" in end.text
    assert n_begun(person, end) == 1


def test_a_killed_worker(person, unheard):
    """Ray runs the task once more; the notebook goes on."""
    end = end_of(person, unheard["tasks"], "tasks")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    assert "2 results" in end.text


@pytest.fixture(scope="module")
def odd(person: Shipper) -> dict[str, str]:
    """Have jobs that were asked for in an odd way."""
    (person.project / ".rayspace" / "profiles" / "narrow.yaml").write_text(NARROW)
    late = person.submit(
        person.notebook("late.ipynb", BEGINS, COUNTS), profile="small", deadline_s=20
    )
    full = person.submit(person.notebook("full.ipynb", BEGINS, FILLS), profile="narrow")
    twin = person.notebook("twin.ipynb", "print('of two')").name
    words = ("job", "submit", twin, "--profile", "small", "--on", person.target, "--json")
    program = [sys.executable, "-m", "rayspace.cli", *words]
    both = [
        subprocess.Popen(
            program, cwd=person.project, env=person.environ, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    first, second = (json.loads(process.communicate()[0])["name"] for process in both)
    return {"late": late.name, "full": full.name, "first": first, "second": second}


def test_a_deadline(person, odd):
    """The runner keeps it, and what ran until then."""
    end = end_of(person, odd["late"], "late")
    assert end.told == (JobPhase.FAILED, Cause.DEADLINE)
    assert "deadline of 20 s" in end.job.reason


def test_a_full_disk(person, odd):
    """The notebook goes on, and there is room for its end."""
    end = end_of(person, odd["full"], "full")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    assert "No space left on device" in end.text
    assert "went on" in end.text


def test_twins(person, odd):
    """One notebook twice at the same time: two jobs."""
    assert odd["first"] != odd["second"]
    for name in (odd["first"], odd["second"]):
        end = end_of(person, name, "twin")
        assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
        assert "of two" in end.text
        # Nobody looked while it ran: it kept its history itself.
        assert "Scheduled" in person.artifact(end.record.run_id, Artifact.EVENTS)


def test_a_submission_that_was_cut_off(cluster, person, monkeypatch, tmp_path):
    """There is a run and no RayJob; whoever looks is told, and it is lost after a while."""
    (person.project / "weights.bin").write_bytes(random.randbytes(60 << 20))
    notebook = person.notebook("cut.ipynb", "1").name
    words = ("submit", notebook, "--profile", "small", "--include", "weights.bin")
    # No more than half of it arrives, so that nothing is quicker than the end.
    with Line(urlsplit(cluster.server).port or 0, limit_bytes=30 << 20).standing() as line:
        process = subprocess.Popen(
            [sys.executable, "-m", "rayspace.cli", "job", *words, "--on", person.target],
            cwd=person.project,
            env={**person.environ, "KUBECONFIG": str(kubeconfig(cluster, line, tmp_path / "c"))},
            start_new_session=True,
        )
        record = run_of(person, notebook)
        process.send_signal(signal.SIGKILL)
        process.wait()
    name = record.tags[Tag.JOB]
    assert name not in [o["metadata"]["name"] for o in person.namespace.items("rayjobs")]
    runs = person.app.runs_of(person.target)
    job = person.status(name)
    assert (job.phase, "submission" in job.reason) == (JobPhase.PENDING, True)
    monkeypatch.setattr(lifecycle, "_SUBMITTING_MS", 0)
    job = person.status(name)
    assert (job.phase, job.cause) == (JobPhase.LOST, Cause.NOT_STARTED)
    assert "program that submitted" in job.reason
    assert runs.get(record.run_id).status is RunStatus.FAILED


def test_an_api_server_that_is_away_for_a_minute(cluster, person):
    """Whoever asks meanwhile is told; the job goes on, and ends as if nothing had been."""
    notebook = person.notebook("unseen.ipynb", BEGINS, LASTS)
    name = person.submit(notebook, profile="small").name
    person.until(name, "its second cell", lambda job: is_in(job, 2), SLOW_S)
    cluster.order("stop", "kube-apiserver")
    try:
        with pytest.raises(GatewayUnavailableError):
            person.status(name)
        time.sleep(60)
    finally:
        cluster.order("start", "kube-apiserver")
    person.namespace.until("the cluster is well", cluster.is_well)
    end = end_of(person, name, "unseen")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    assert "second 79" in end.text
    assert n_begun(person, end) == 1


def test_a_job_that_waits_in_a_queue(queueing, cluster, person):
    """Its place is told; admitted at last it runs, long after the laptop is gone."""
    kueue.add_queue(cluster, person.namespace.name)
    space = person.namespace
    submit_cluster(space, "occupant")
    space.until("it has its quota", lambda: reserved(space, "occupant").get("status") == "True")
    notebook = person.notebook("queued.ipynb", BEGINS, "print('at last')").name
    words = ("submit", notebook, "--profile", "small", "--queue", "queue", "--json")
    done = person.command("job", *words, "--on", person.target)
    name = json.loads(done.stdout)["name"]
    job = person.until(name, "its place", lambda job: "queue" in job.reason)
    assert job.phase is JobPhase.PENDING
    assert "as the next" in person.until(name, "its place", lambda job: "next" in job.reason).reason
    # Who waits can be stopped.
    behind = person.submit(person.notebook("behind.ipynb", "1"), profile="small", queue="queue")
    person.until(behind.name, "its place", lambda job: "queue" in job.reason)
    done = person.command("job", "stop", behind.name)
    assert (done.returncode, "stopped" in done.stdout) == (0, True), done.stderr
    person.namespace.kubectl("delete", "raycluster", "occupant", "--wait=false")
    end = end_of(person, name, "queued")
    assert end.told == (JobPhase.SUCCEEDED, Cause.NONE)
    assert "at last" in end.text
    assert n_begun(person, end) == 1
    # Its webhook leaves no job alone, with or without a queue.
    free = person.submit(person.notebook("free.ipynb", "1"), profile="small")
    stopped = run(person.app.jobs.stop(free.name))
    assert stopped.phase is JobPhase.STOPPED
    # Nothing of Kueue holds on to this namespace, which stays.
    space.kubectl("delete", "rayjob", name)
    space.until("no workload", lambda: space.items("workloads") == [])
    space.kubectl("delete", "localqueue", "queue", user="admin")
    cluster.kubectl("label", "namespace", space.name, f"{kueue.LABEL}-")
