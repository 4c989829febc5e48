"""The README's lines that need a Kubernetes, typed in its order into a shell.

The administrator applies the kit to ``team-a``, and a person with no rights but those of the kit
types the rest. Different from what the README has in mind are only the sizes of profiles, which an
administrator sets in the namespace, and where images come from: nothing here reaches a registry.
"""

from __future__ import annotations

import json
import os
import pty
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from http.cookiejar import CookieJar
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from rayspace.core.clusters.activity import Annotation
from rayspace.model.job import JobPhase
from tests.cluster.binaries import KUBERAY, build
from tests.cluster.conftest import Namespace
from tests.cluster.derived_images import MLFLOW
from tests.cluster.image_names import also_named
from tests.cluster.images import RAY, RAY_GPU
from tests.cluster.store import HERE, ROOT
from tests.cluster.team import AT_EASE, made_volume
from tests.documented_lines import README, lines_of, shell_lines, type_line
from tests.laboratory import notebook_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.cluster.client import Cluster

THIS = "tests/cluster/test_readme_lines.py"
_HEAD = "headGroupSpec: {" + AT_EASE % "ray-head" + "}"
_WORKERS = "workerGroupSpecs: [{groupName: workers, " + AT_EASE % "ray-worker" + "}]"
#: What an administrator would set for a small machine, under the names of the README.
PROFILES = f"""\
  image: {RAY}
  image-gpu: {RAY_GPU}
  cpu-small.yaml: |
    head: {{cpus: 0.3, memory: 1500MiB}}
    workers: 0
    cpus: 0.3
    memory: 1GiB
    idle: 1h
    max_lifetime: 12h
    rayCluster: {{spec: {{{_HEAD}}}}}
  gpu-small.yaml: |
    head: {{cpus: 0, memory: 1500MiB}}
    workers: 1
    cpus: 0.3
    memory: 1500MiB
    gpus: 1
    idle: 30m
    max_lifetime: 8h
    rayCluster: {{spec: {{{_HEAD}, {_WORKERS}}}}}
"""
#: How long one line may take on a machine that does other things as well. [s]
_LINE_S = 600.0
#: A GPU that the stand-in for NVIDIA's library tells of.
READING = "60 6000 81920 60000 50 STAND-IN H200"


class Typist:
    """Somebody at a terminal.

    Parameters
    ----------
    cluster
        The cluster that their kubeconfig names ``prod``.
    user
        Who they are there.
    folder
        Where they are.
    home
        What is theirs alone.
    """

    def __init__(self, cluster: Cluster, user: str, folder: Path, home: Path) -> None:
        home.mkdir()
        config = yaml.safe_load(cluster.kubeconfig(user).read_text())
        config["contexts"][0]["name"] = config["current-context"] = "prod"
        (home / "kubeconfig").write_text(yaml.safe_dump(config))
        browser = home / "browser"
        browser.write_text(f'#!/bin/sh\necho "$1" >> {home}/pages\n')
        browser.chmod(0o755)
        bins = [str(Path(sys.executable).parent), str(Path(cluster.command()[0]).parent)]
        self.folder, self._home = folder, home
        self.environ = {
            **os.environ,
            "PATH": os.pathsep.join([*bins, os.environ["PATH"]]),
            "KUBECONFIG": str(home / "kubeconfig"),
            "RAYSPACE_STATE_DIR": str(home / "state"),
            "BROWSER": str(browser),
        }
        (folder / ".rayspace").mkdir(exist_ok=True)
        (named,) = re.findall(r"^```json\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
        (folder / ".rayspace" / "config.json").write_text(named)

    def type(self, line: str, *, code: int = 0, answer: str = "") -> str:
        """Type a line, answer what it asks, and return what it shows."""
        keyboard, terminal = pty.openpty()
        os.write(keyboard, answer.encode())
        try:
            done = subprocess.run(
                ["/bin/sh", "-c", line], cwd=self.folder, env=self.environ, stdin=terminal,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
                timeout=_LINE_S,
            )  # fmt: skip
        finally:
            os.close(keyboard)
            os.close(terminal)
        assert done.returncode == code, f"{line}\n{done.stdout}"
        return done.stdout

    def begin(self, line: str) -> subprocess.Popen[str]:
        """Type a line that goes on for long."""
        return subprocess.Popen(
            ["/bin/sh", "-c", f"exec {line}"], cwd=self.folder, env=self.environ,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip

    def opened(self) -> str:
        """Return the page that was opened last."""
        return (self._home / "pages").read_text().split()[-1]

    def json(self, line: str) -> Any:
        """Return what a line of ours says as JSON."""
        return json.loads(self.type(f"{line} --json"))


class Readme:
    """The lines with what each must do.

    Parameters
    ----------
    namespace
        The namespace ``team-a``.
    administrator, person
        Who types.
    """

    def __init__(self, namespace: Namespace, administrator: Typist, person: Typist) -> None:
        self.namespace, self.administrator, self.person = namespace, administrator, person
        self.has_mlflow = False
        self.waits_for: dict[str, str] = {}
        #: What a line that fits does; the first counts.
        self.steps: dict[str, Callable[[str], None]] = {
            r"^kubectl apply .*/operators$": self.apply_operators,
            r"^kubectl apply .*/kubernetes$": self.apply_kit,
            r"^rayspace doctor .*--fix$": self.bring_mlflow,
            r"^rayspace doctor ": self.ask_doctor,
            r"^rayspace mlflow open ": self.open_mlflow,
            r"^rayspace cluster up .*--dry-run$": self.see,
            r"^rayspace cluster up ": self.up,
            r"^rayspace cluster suspend$": self.suspend,
            r"^rayspace cluster resume$": self.resume,
            r"^rayspace cluster extend ": self.extend,
            r"^rayspace job submit .*-p lr ": self.submit_and_follow,
            r"^rayspace job submit ": self.submit,
            r"^RAYSPACE_SUBMIT=": self.papermill,
            r"^rayspace cluster limits .*--policy$": self.policy,
        }

    def type(self, line: str) -> None:
        """Type a line, and see whether it does what the README says."""
        type_line(line, self.steps)

    def clusters(self) -> dict[str, Any]:
        """Return the Ray clusters that are no part of a job, by name."""
        items = self.namespace.items("rayclusters")
        return {
            item["metadata"]["name"]: item
            for item in items
            if not item["metadata"].get("ownerReferences")
        }

    def apply_operators(self, line: str) -> None:
        """What runs is what it brings: nothing of it changes."""
        pods = ("-n", "kuberay-system", "get", "pods", "-o", "name")
        before = self.namespace.cluster.kubectl(*pods)
        told = self.administrator.type(line)
        assert "deployment.apps/kuberay-operator serverside-applied" in told
        assert self.namespace.cluster.kubectl(*pods) == before

    def apply_kit(self, line: str) -> None:
        """For the namespace that the README names."""
        assert "namespace/team-a serverside-applied" in self.administrator.type(line)
        mlflow = ("create", "rolebinding", "mlflow", "--role=rayspace-mlflow", "--user=scientist")
        self.namespace.kubectl(*mlflow, user="admin")

    def ask_doctor(self, line: str) -> None:
        """A person without MLflow learns who brings it; an administrator, that all is there."""
        if self.has_mlflow:
            checks = {check["name"]: check for check in self.administrator.json(line)["checks"]}
            assert {"tracking", "policy", "network", "pod-security"} <= set(checks)
            assert {check["state"] for check in checks.values()} == {"ok"}, checks
            assert "problem" not in self.administrator.type(line)
        else:
            told = " ".join(self.person.type(line, code=1).split())
            assert "rayspace doctor --on team-a --fix" in told

    def bring_mlflow(self, line: str) -> None:
        """It shows what it would apply, and asks."""
        told = self.person.type(line, answer="y\n")
        assert "Apply this" in told
        assert "MLflow was applied to team-a" in told
        self.has_mlflow = True

    def submit_and_follow(self, line: str) -> None:
        """With the lines that follow it in the README."""
        told = self.person.type(line)
        assert "team-a" in told
        (item,) = self.rayjobs()
        assert item["spec"]["rayClusterSpec"]
        lines = shell_lines()
        after = lines[lines.index(line) + 1 :]
        logs, page = (next(w for w in after if w.startswith(f"rayspace job {verb}"))
                      for verb in ("logs", "open"))  # fmt: skip
        assert "lr 0.05" in self.person.type(logs)
        self.person.type(page)
        executed = urllib.request.urlopen(self.person.opened()).read().decode()
        assert "lr 0.05" in executed

    def open_mlflow(self, line: str) -> None:
        """In the browser until Ctrl-C."""
        process = self.person.begin(line)
        try:
            told = ""
            while "Ctrl-C ends it" not in told:
                said = process.stdout.readline()
                assert said, told
                told += said
            opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(CookieJar()))
            with opener.open(self.person.opened()) as page:
                assert "<title>MLflow</title>" in page.read().decode()
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(240) == 0

    def see(self, line: str) -> None:
        """The object, and nothing is made."""
        before = self.clusters()
        told = self.person.type(line)
        assert "kind: RayCluster" in told
        assert "namespace: team-a" in told
        assert set(self.clusters()) == set(before)

    def up(self, line: str) -> None:
        """Each row of the table begins anew: two of them make clusters of one name."""
        if self.clusters():
            self.person.type("rayspace cluster down")
        told = self.person.type(line)
        ((name, made),) = self.clusters().items()
        assert f"{name} is ready" in told
        (group,) = made["spec"].get("workerGroupSpecs") or [{}]
        if asked := re.search(r"--workers (\d+):(\d+)", line):
            assert made["spec"]["enableInTreeAutoscaling"] is True
            assert (group["minReplicas"], group["maxReplicas"]) == tuple(map(int, asked.groups()))
        if "--gpus 1" in line:
            (container,) = group["template"]["spec"]["containers"]
            assert container["resources"]["limits"]["nvidia.com/gpu"] == "1"
            self.look(name)

    def look(self, name: str) -> None:
        """What the table says next of a cluster; the lines are those that fit any cluster."""
        worker = f"ray.io/cluster={name},ray.io/node-type=worker"
        wait = ("wait", "pod", "-l", worker, "--for=condition=Ready", "--timeout=120s")
        self.namespace.kubectl(*wait, user="admin")
        (pod,) = self.namespace.items("pods", selector=worker)
        tell = f"echo '{READING}' > /tmp/fake-gpus"
        inside = ("exec", pod["metadata"]["name"], "--", "sh", "-c")
        self.namespace.kubectl(*inside, tell, user="admin")
        self.namespace.until(
            "its GPU is shown",
            lambda: re.search(r"\b60\s?%", self.person.type("rayspace cluster gpus")),
        )
        assert "Nothing is wrong" in self.person.type("rayspace cluster why")
        assert name in self.person.type("rayspace cluster list")

    def suspend(self, line: str) -> None:
        """No pod is left, and the cluster is."""
        self.person.type(line)
        self.namespace.until("no pod of it", lambda: self.pods() == [])
        assert self.person.json("rayspace cluster status")["phase"] == "suspended"

    def pods(self) -> list[Any]:
        """Return the pods of Ray."""
        return self.namespace.items("pods", selector="ray.io/cluster")

    def resume(self, line: str) -> None:
        """It is ready again."""
        self.person.type(line)
        assert self.person.json("rayspace cluster status")["phase"] == "ready"

    def extend(self, line: str) -> None:
        """It is kept for so long from now."""
        (hours,) = re.findall(r" (\d+)h$", line)
        began_s = time.time()
        assert f"is kept for another {hours} h" in self.person.type(line)
        (made,) = self.clusters().values()
        until_s = int(made["metadata"]["annotations"][Annotation.EXTENDED_UNTIL]) / 1000
        assert until_s - began_s == pytest.approx(int(hours) * 3600, abs=_LINE_S)

    def submit(self, line: str) -> None:
        """Accepted, and waited for together with the others."""
        self.person.type(line)
        job = self.person.json("rayspace job status")["name"]
        made = {item["metadata"]["name"]: item for item in self.rayjobs()}
        ours = [item for name, item in made.items() if name.startswith(job)]
        assert len(ours) == (2 if "--apart" in line else 1), list(made)
        self.waits_for[job] = line

    def rayjobs(self) -> list[Any]:
        """Return what KubeRay has of jobs."""
        return self.namespace.items("rayjobs")

    def await_jobs(self) -> None:
        """See those to their end that were only submitted."""
        for name, line in self.waits_for.items():
            job: dict[str, Any] = {}

            def has_ended(name: str = name, job: dict[str, Any] = job) -> bool:
                # A look at Kubernetes costs little, a line much.
                ours = [
                    item for item in self.rayjobs() if item["metadata"]["name"].startswith(name)
                ]
                states = {item.get("status", {}).get("jobDeploymentStatus") for item in ours}
                if not states <= {"Complete", "Failed"}:
                    return False
                job.update(self.person.json(f"rayspace job status {name}"))
                return JobPhase(job["phase"]).is_terminal

            self.namespace.until(f"the end of {name}: {line}", has_ended, _LINE_S)
            assert job["phase"] == "succeeded", (line, job)
            if "--driver-gpus 1" in line:
                assert "on the GPU 0" in self.person.type(f"rayspace job logs {name}")

    def papermill(self, line: str) -> None:
        """The README's line of papermill, where this one says."""
        (papermill,) = [words for words in shell_lines() if words.startswith("papermill ")]
        self.person.type(f"export {line}; {papermill}")
        assert "lr 0.05" in (self.person.folder / "out.ipynb").read_text()

    def policy(self, line: str) -> None:
        """It is what the kit applied."""
        printed = [item for item in yaml.safe_load_all(self.administrator.type(line)) if item]
        kit = self.administrator.folder / "templates" / "kubernetes" / "policy.yaml"
        applied = [item for item in yaml.safe_load_all(kit.read_text()) if item]
        assert [item["spec"] for item in printed] == [item["spec"] for item in applied]


@pytest.fixture
def readme(cluster: Cluster, tmp_path: Path) -> Iterator[Readme]:
    """Have a namespace of the README's name, a copy of this repository's kit, and two people."""
    namespace = Namespace(cluster, "team-a")
    # One that an earlier run has left is on its way out.
    cluster.kubectl("wait", "--for=delete", "namespace/team-a", "--timeout=120s")
    clone, project = tmp_path / "clone", tmp_path / "project"
    project.mkdir()
    shutil.copytree(ROOT / "templates", clone / "templates")
    adapt(clone / "templates" / "kubernetes")
    cell = "import os; print('lr', lr, 'on the GPU', os.environ.get('CUDA_VISIBLE_DEVICES'))"
    notebook = notebook_json(cell, parameters="lr: float = 0.1  # learning rate")
    (project / "train.ipynb").write_text(json.dumps(notebook))
    administrator = Typist(cluster, "admin", clone, tmp_path / "administrator")
    person = Typist(cluster, "scientist", project, tmp_path / "person")
    kit = clone / "templates" / "kubernetes"
    (stock,) = re.findall(r"^ +image: (\S+)$", (kit / "mlflow.yaml").read_text(), re.MULTILINE)
    try:
        with also_named(MLFLOW, stock), made_volume(namespace), cluster.gpus("node-a", 2):
            yield Readme(namespace, administrator, person)
    finally:
        cluster.kubectl("delete", "--ignore-not-found", "-f", str(kit / "policy.yaml"))
        cluster.kubectl("delete", "--ignore-not-found", "namespace", "team-a", "--wait=false")


def adapt(kit: Path) -> None:
    """Change what an administrator would: who works here, what they start; MLflow comes later.

    And the address of KubeRay, which nothing here reaches, to the same release from its module.
    """
    for name, told, meant in (
        ("people.yaml", "kind: Group, name: team-a", "kind: User, name: scientist"),
        ("kustomization.yaml", "  - mlflow.yaml\n", ""),
        ("profiles.yaml", "\ndata:\n", f"\ndata:\n{PROFILES}"),
    ):
        text = (kit / name).read_text()
        assert told in text
        (kit / name).write_text(text.replace(told, meant))
    shutil.copytree(build(KUBERAY) / "config", kit / "config")
    file = kit / "operators" / "kustomization.yaml"
    operators = yaml.safe_load(file.read_text())
    here = yaml.safe_load((HERE / "manifests" / "kuberay" / "kustomization.yaml").read_text())
    operators["resources"] = [
        "../config/default" if "://" in resource else resource
        for resource in operators["resources"]
    ]
    file.write_text(yaml.safe_dump(operators | {k: here[k] for k in ("images", "patches")}))


@pytest.mark.timeout(2700)
def test_every_line_that_needs_a_kubernetes_does_what_the_readme_says(readme: Readme) -> None:
    """Administrators' first, as the README says: without them nobody has a place to work."""
    lines = lines_of(THIS)
    for line in sorted(lines, key=lambda line: not line.startswith("kubectl ")):
        readme.type(line)
    readme.await_jobs()
