"""The MLflow run of a job: what it is tagged with, and where its artifacts lie."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field


class RunStatus(enum.Enum):
    """MLflow's word for a run. Source: mlflow/entities/run_status.py."""

    SCHEDULED = "SCHEDULED"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    KILLED = "KILLED"

    @property
    def is_terminal(self) -> bool:
        """Whether the run has ended."""
        return self not in {RunStatus.SCHEDULED, RunStatus.RUNNING}


class Tag:
    """Tags of a job's run. All but MLflow's own begin with ``rayspace.``."""

    JOB = "rayspace.job"
    NOTEBOOK = "rayspace.notebook"
    SOURCE_DIR = "rayspace.source_dir"
    CLUSTER = "rayspace.cluster"
    TARGET = "rayspace.target"
    PROFILE = "rayspace.profile"
    SUBMITTED_MS = "rayspace.submitted_ms"
    DEPTH = "rayspace.depth"
    #: Name of the machine of a local cluster.
    HOST = "rayspace.host"
    #: Which start of the cluster, and where its record is kept: names alone may be many people's.
    CLUSTER_UID = "rayspace.cluster_uid"
    RECORDS = "rayspace.records"
    #: When Ray took the job; absent while its files are still on the way.
    ACCEPTED_MS = "rayspace.accepted_ms"
    RETRY_OF = "rayspace.retry_of"
    #: Kubernetes' id of the RayJob, for a job with a cluster of its own.
    RAY_JOB_UID = "rayspace.ray_job_uid"
    NAMESPACE = "rayspace.namespace"
    #: Of a job that was stopped: its RayJob, and with it its cluster, was deleted.
    RELEASED = "rayspace.released"
    #: Of a child run: which trial of a sweep it is.
    TRIAL = "rayspace.trial"
    #: Of a sweep whose trials are jobs of their own: how many there are to be.
    N_APART = "rayspace.n_apart"
    #: Equal for sweeps whose trials count together.
    SWEEP = "rayspace.sweep"
    #: Written by the runner.
    ATTEMPT = "rayspace.attempt"
    #: The last attempt that failed and has a child run, since another one follows.
    ATTEMPT_STORED = "rayspace.attempt_stored"
    SESSION = "rayspace.session"
    HEARTBEAT_MS = "rayspace.heartbeat_ms"
    PROGRESS = "rayspace.progress"
    #: The verdict; a run without PHASE has none.
    PHASE = "rayspace.phase"
    CAUSE = "rayspace.cause"
    SUMMARY = "rayspace.summary"
    FAILED_CELL = "rayspace.failed_cell"
    ENAME = "rayspace.ename"
    EVALUE = "rayspace.evalue"
    #: Of the run of a session of interactive work: the machine that it is on.
    TRACKED = "rayspace.tracked"
    #: Of a child run that was begun in a task or an actor of Ray: where, and on which GPUs.
    GPU_IDS = "rayspace.gpu_ids"
    NODE_ID = "rayspace.node_id"
    TASK_ID = "rayspace.task_id"
    ACTOR_ID = "rayspace.actor_id"
    #: Where the code came from.
    GIT_COMMIT = "rayspace.git_commit"
    GIT_DIRTY = "rayspace.git_dirty"
    RAYSPACE_VERSION = "rayspace.version"
    RAY_VERSION = "rayspace.ray_version"
    PYTHON_VERSION = "rayspace.python_version"
    MLFLOW_VERSION = "rayspace.mlflow_version"
    #: How many packages the runner installed for the job.
    N_INSTALLED = "rayspace.n_packages_installed"
    #: MLflow's own.
    PARENT_RUN_ID = "mlflow.parentRunId"
    SOURCE_NAME = "mlflow.source.name"
    SOURCE_TYPE = "mlflow.source.type"
    MLFLOW_GIT_COMMIT = "mlflow.source.git.commit"
    USER = "mlflow.user"


class Artifact:
    """Artifact paths of a job's run."""

    ORDER = "rayspace/job.json"
    BUNDLE = "rayspace/bundle.tar.gz"
    SOURCE_DIR = "source"
    #: The executed notebook and its HTML; while the job runs, the latest snapshot.
    RESULTS_DIR = "results"
    #: What the job made of its nodes: summary.json, summary.html, and for a large cluster all
    #: samples.
    METRICS_DIR = "metrics"
    LOGS_DIR = "logs"
    DRIVER_LOG = "logs/driver.log"
    PACKAGES = "environment/packages.txt"
    #: What the runner installed for the job, since the image lacked it.
    INSTALLED = "environment/installed.txt"
    #: What happened to the pods, as Kubernetes tells it.
    EVENTS = "logs/events.txt"
    POD_LOGS_DIR = "logs/pods"


@dataclass(frozen=True)
class RunRecord:
    """A run as the tracking server keeps it.

    Parameters
    ----------
    run_id, name
        Its id and its name.
    experiment_id, experiment
        Id and name of its experiment.
    status
        MLflow's status.
    started_ms, ended_ms
        Times; 0 when not yet. [ms since 1970-01-01 UTC]
    params, metrics, tags
        What it holds; of a metric the latest value.
    artifact_uri
        Where its artifacts lie.
    """

    run_id: str
    name: str
    experiment_id: str
    experiment: str
    status: RunStatus
    started_ms: int
    ended_ms: int
    artifact_uri: str = ""
    params: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
