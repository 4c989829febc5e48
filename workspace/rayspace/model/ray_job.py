"""A job on Kubernetes with a cluster of its own: as it is to be started, and as KubeRay tells."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rayspace.model.cluster import ClusterSpec
    from rayspace.model.job import LivePhase

#: The word that makes a runner tell the one of its pod that the pod ends.
POD_ENDS = "--pod-ends"
#: How an entrypoint begins that takes the place of its shell. Else the shell ends first when the
#: job is stopped, and the runner has no parent but the pod's first process, which in Ray's images
#: waits for no child: Ray would take the runner for alive, and hold its GPUs, until it gives up.
NO_SHELL = "exec"
#: The variable that gives a runner a deadline where its order has none. [s]
DEADLINE_S = "RAYSPACE_DEADLINE_S"


class RayJobStage(enum.Enum):
    """Where KubeRay is with a RayJob: its ``status.jobDeploymentStatus``.

    Source: ray-operator/apis/ray/v1/rayjob_types.go of KubeRay 1.6.
    """

    #: The operator has not taken notice yet.
    NEW = ""
    #: Its cluster comes up.
    INITIALIZING = "Initializing"
    WAITING = "Waiting"
    RUNNING = "Running"
    COMPLETE = "Complete"
    FAILED = "Failed"
    VALIDATION_FAILED = "ValidationFailed"
    SUSPENDING = "Suspending"
    SUSPENDED = "Suspended"
    #: Its cluster is being deleted, and another one follows.
    RETRYING = "Retrying"

    @property
    def is_terminal(self) -> bool:
        """Whether KubeRay does no more for it."""
        return self in {RayJobStage.COMPLETE, RayJobStage.FAILED, RayJobStage.VALIDATION_FAILED}


@dataclass(frozen=True)
class Launch:
    """How a job with a cluster of its own is started.

    Parameters
    ----------
    spec
        The cluster that it gets; its name is the job's.
    run_id
        Its run.
    env
        Environment variables of the runner; Ray shows them to whoever may ask.
    secret
        Secret whose keys are the credentials of the tracking server; empty for none.
    driver_cpus, driver_gpus
        What Ray reserves for the notebook's own process. [1]
    retries
        How often it is run anew after a failure. [1]
    deadline_s
        Longest time for the job, which its runner keeps; None for no limit. [s]
    start_deadline_s
        How long its cluster may take to come up; not counted in a queue. [s]
    keep_failed_s
        How long the cluster of a job that failed is kept, to look inside. [s]
    """

    spec: ClusterSpec
    run_id: str
    env: dict[str, str] = field(default_factory=dict)
    secret: str = ""
    driver_cpus: float = 0.0
    driver_gpus: float = 0.0
    retries: int = 0
    deadline_s: float | None = None
    start_deadline_s: float = 3600.0
    keep_failed_s: float = 300.0


@dataclass(frozen=True)
class RayJobState:
    """A RayJob as KubeRay tells it.

    Parameters
    ----------
    name, uid
        Its name and Kubernetes' id of it.
    stage
        Where KubeRay is with it.
    status
        Ray's word on the job; None before Ray has it.
    why
        KubeRay's reason for a failure, such as ``DeadlineExceeded``.
    message
        KubeRay's, or Ray's, sentence.
    cluster
        Its RayCluster; empty while there is none.
    run_id
        Its run.
    is_ending
        Whether somebody deletes it.
    created_ms
        When it was made. [ms since 1970-01-01 UTC]
    waits_for
        One sentence on what keeps it from running; empty for nothing that is known.
    is_hopeless
        Whether that can't be waited out.
    lost_head
        One sentence on the node of its head, where that is lost; empty otherwise.
    """

    name: str
    uid: str
    stage: RayJobStage
    status: LivePhase | None = None
    why: str = ""
    message: str = ""
    cluster: str = ""
    run_id: str = ""
    is_ending: bool = False
    created_ms: int = 0
    waits_for: str = ""
    is_hopeless: bool = False
    lost_head: str = ""
