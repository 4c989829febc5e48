"""RayClusters and RayJobs kept as files: what a change of the code changes in them is read.

Write them anew with ``python -m tests.golden_manifests``, and look at what git says.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.spec import MAX_KUBE_WORKERS, cluster_spec
from rayspace.core.clusters.wishes import Wishes
from rayspace.core.images.choice import ImageChoice
from rayspace.core.jobs.ray_job import NO_LIMITS, ray_job_manifest
from rayspace.core.manifests.diff import manifest_yaml
from rayspace.core.manifests.ray_cluster import ManifestFacts, ray_cluster_manifest
from rayspace.core.profiles.files import parse_profile
from rayspace.model.limits import Limits
from rayspace.model.ray_job import Launch

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[1]
GOLDEN = ROOT / "tests" / "golden" / "manifests"
PROFILES = {path.stem: path for path in sorted((ROOT / "templates" / "profiles").glob("*.yaml"))}
IMAGE = ImageChoice("rayproject/ray:2.60.0-py311", "2.60.0", "3.11", "matched")
#: All that only Kubernetes has.
PODS = """\
head: {cpus: 1.5, memory: 4GiB, object_store_memory: 1GiB}
workers: 1
cpus: 2
memory: 8GB
env: {MODE: 0755, OMP_NUM_THREADS: 1}
secrets: {HF_TOKEN: hub/token}
volumes: {/data: data, /models: models:ro}
tolerations: ["team=a:NoSchedule", spot]
node_selector: {zone: a}
priority: low
service_account: team
image_pull_secrets: [registry]
"""
OVERLAY = """\
idle: 1h
workers: 1
rayCluster:
  metadata:
    labels: {cost-centre: "42"}
  spec:
    headGroupSpec:
      serviceType: NodePort
      template:
        spec:
          containers:
            - name: ray-head
              env: [{name: LOGLEVEL, value: debug}]
            - {name: beside, image: busybox}
    workerGroupSpecs:
      - groupName: workers
        template:
          spec:
            terminationGracePeriodSeconds: 60
"""
ADMINISTRATORS = {
    "metadata": {"annotations": {"example.org/checked": "true"}},
    "spec": {"headGroupSpec": {"template": {"spec": {"runtimeClassName": "gvisor"}}}},
}


def _facts(overlay: Mapping[str, Any] | None) -> ManifestFacts:
    return ManifestFacts(
        "team-a",
        "ada@example.org",
        IMAGE,
        "2.60.0",
        overlay,
        tracking_secret="mlflow",
        head_may_burst=True,
    )


@dataclass(frozen=True)
class Case:
    """One manifest: of a profile's text, and what is asked on top of it."""

    name: str
    text: str
    wishes: dict[str, Any] = field(default_factory=dict)
    overlay: dict[str, Any] | None = None

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return GOLDEN / f"{self.name}.yaml"

    def manifest(self) -> dict[str, Any]:
        """Return what would be applied."""
        profile = parse_profile(self.text, name=self.name)
        spec, _ = cluster_spec(
            profile, Wishes(**self.wishes), "/home/ada/project", limit=MAX_KUBE_WORKERS
        )
        facts = _facts(self.overlay)
        return ray_cluster_manifest(spec, facts)


@dataclass(frozen=True)
class JobCase(Case):
    """One RayJob, with what is asked of the job."""

    launch: dict[str, Any] = field(default_factory=dict)
    has_deletion_rules: bool = True
    has_account: bool = True
    limits: Limits = NO_LIMITS

    def manifest(self) -> dict[str, Any]:
        """Return what would be applied."""
        profile = parse_profile(self.text, name=self.name)
        spec, _ = cluster_spec(profile, Wishes(**self.wishes, name="train-x7k2p"), "/home/ada/p")
        facts = _facts(self.overlay)
        env = {"MLFLOW_TRACKING_URI": "http://mlflow:5000", "RAYSPACE_RUN_ID": "0a1b2c"}
        launch = Launch(spec, "0a1b2c", env, **self.launch)
        cluster = ray_cluster_manifest(spec, facts)
        return ray_job_manifest(
            launch,
            cluster,
            has_deletion_rules=self.has_deletion_rules,
            has_account=self.has_account,
            limits=self.limits,
        )


CASES = [
    *(Case(name, path.read_text("utf-8")) for name, path in PROFILES.items()),
    Case("wish-none", "", {"workers": 0}),
    Case("wish-queue", "workers: 1", {"queue": "research"}),
    Case("wish-lives", "workers: 1", {"idle_s": 1800.0, "max_lifetime_s": 1_296_001.0}),
    Case("wish-by-need", "idle: 1h", {"workers": 1, "max_workers": 8, "cpus": 0.5}),
    Case("wish-gpu-type", "workers: 2\ngpus: 1", {"gpus": 4, "gpu_type": "NVIDIA-L4"}),
    Case("wish-gpu-head", "", {"gpus": 1, "memory": "16GiB", "env": {"A": "1"}}),
    Case("wish-image", "workers: 1", {"image": "registry.example.org/team/ray@sha256:" + "0" * 64}),
    Case("wish-set", "workers: 1", {"settings": {"spec.headGroupSpec.serviceType": "NodePort"}}),
    Case("pods", PODS),
    Case("overlays", OVERLAY, overlay=ADMINISTRATORS),
    JobCase("job", "workers: 1"),
    JobCase("job-queued", "workers: 1", {"queue": "research"}),
    JobCase(
        "job-all",
        "workers: 1\ngpus: 1",
        launch={
            "secret": "mlflow",
            "driver_cpus": 2,
            "driver_gpus": 0.5,
            "retries": 3,
            "deadline_s": 7200.5,
            "start_deadline_s": 600.0,
            "keep_failed_s": 0.0,
        },
    ),
    JobCase("job-older", "", {"workers": 0}, has_deletion_rules=False, has_account=False),
    JobCase("job-limited", "workers: 1", limits=Limits(max_lifetime_s=86400.0, max_idle_s=7200.0)),
]


def main() -> int:
    """Write all files anew, and take away those of cases that are no more."""
    GOLDEN.mkdir(parents=True, exist_ok=True)
    for path in GOLDEN.glob("*.yaml"):
        path.unlink()
    for case in CASES:
        case.path.write_text(manifest_yaml(case.manifest()) + "\n", "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
