"""How far a Ray cluster on Kubernetes has come, stage by stage, and what it waits for.

Only pods tell that a cluster is ready, and only those whose nodes are there: what the RayCluster
says of itself may be true with no worker at all. Why a stage is not reached is taken from the
diagnosis, so that both say the same. Nothing here raises, whatever a snapshot holds.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.diagnose import problems_of
from rayspace.core.diagnosis.images import IMAGE_REASONS
from rayspace.core.diagnosis.queue import is_admitted, is_queued
from rayspace.core.diagnosis.ray_cluster import is_accepted
from rayspace.core.diagnosis.view import ClusterView, read_snapshot
from rayspace.model.cluster import WorkerGroup
from rayspace.units import format_count

if TYPE_CHECKING:
    from rayspace.core.diagnosis.pods import RayPod
    from rayspace.model.problem import Problem
    from rayspace.model.snapshot import ClusterSnapshot

#: By these a container waits for something other than its image, or before it.
_BEFORE_IMAGE = IMAGE_REASONS | {"", "ContainerCreating", "PodInitializing"}


class StageName(enum.Enum):
    """The stages of a start, in their order."""

    ACCEPTED = "accepted"
    QUEUED = "queued"
    HEAD_SCHEDULED = "head_scheduled"
    IMAGE_PULLED = "image_pulled"
    HEAD_READY = "head_ready"
    WORKERS = "workers"


class StageState(enum.Enum):
    """Where a stage stands."""

    WAITING = "waiting"
    DONE = "done"
    #: Waiting can't bring it about.
    FAILED = "failed"


@dataclass(frozen=True)
class Stage:
    """One stage of a start.

    Parameters
    ----------
    name
        Which.
    state
        Where it stands.
    text
        What it waits for and why, or what was reached; one line.
    """

    name: StageName
    state: StageState
    text: str


@dataclass(frozen=True)
class ProvisionState:
    """How far a cluster has come.

    Parameters
    ----------
    stages
        All stages, in their order.
    problems
        Why it is not as wanted, the most decisive first.
    groups
        Its worker groups, counted in pods.
    n_workers_ready, n_workers_desired
        Workers of all groups. [1]
    is_head_ready
        Whether the head answers.
    is_min_ready
        Whether the head and the fewest workers of each group are ready.
    is_all_ready
        Whether the head and all workers that are wanted are ready.
    """

    stages: tuple[Stage, ...]
    problems: tuple[Problem, ...]
    groups: tuple[WorkerGroup, ...]
    n_workers_ready: int
    n_workers_desired: int
    is_head_ready: bool
    is_min_ready: bool
    is_all_ready: bool

    @property
    def current(self) -> Stage:
        """The first stage that is not reached; the last if all are."""
        waiting = (stage for stage in self.stages if stage.state is not StageState.DONE)
        return next(waiting, self.stages[-1])


def provision_stages(snapshot: ClusterSnapshot) -> ProvisionState:
    """Say how far a cluster has come.

    Parameters
    ----------
    snapshot
        What Kubernetes says of it.

    Returns
    -------
    ProvisionState
        Its stages, its workers, and what is wrong with it.
    """
    view = read_snapshot(snapshot)
    problems = problems_of(view)
    groups = tuple(_groups(view))
    n_ready = sum(group.n_observed for group in groups)
    n_desired = sum(group.n_desired for group in groups)
    is_wanted = view.snapshot.ray_cluster is not None
    is_head_ready = is_wanted and view.is_head_ready
    n_min = {group.name: 0 if view.is_suspended else group.n_min for group in view.groups}
    return ProvisionState(
        stages=_stages(view, problems, groups, is_head_ready=is_head_ready),
        problems=problems,
        groups=groups,
        n_workers_ready=n_ready,
        n_workers_desired=n_desired,
        is_head_ready=is_head_ready,
        is_min_ready=is_head_ready and all(g.n_observed >= n_min.get(g.name, 0) for g in groups),
        is_all_ready=is_head_ready and all(g.n_observed >= g.n_desired for g in groups),
    )


def _groups(view: ClusterView) -> list[WorkerGroup]:
    workers = [pod for pod in view.pods if not pod.is_head]
    counted = []
    for group in view.groups:
        pods = [pod for pod in workers if pod.group == group.name]
        counted.append(
            WorkerGroup(
                name=group.name,
                n_desired=0 if view.is_suspended else group.n_desired,
                n_requested=len(pods),
                n_observed=sum(view.is_ready(pod) for pod in pods),
                n_min=None if group.n_max is None else group.n_min,
                n_max=group.n_max,
            )
        )
    return counted


def _stages(
    view: ClusterView,
    problems: tuple[Problem, ...],
    groups: tuple[WorkerGroup, ...],
    *,
    is_head_ready: bool,
) -> tuple[Stage, ...]:
    head = view.head
    n_ready = sum(group.n_observed for group in groups)
    n_desired = sum(group.n_desired for group in groups)
    is_here = view.snapshot.ray_cluster is not None
    reached = {
        StageName.ACCEPTED: is_here and is_accepted(view),
        StageName.QUEUED: is_here and not view.is_suspended and _is_let_in(view),
        StageName.HEAD_SCHEDULED: head is not None and bool(head.node or is_head_ready),
        StageName.IMAGE_PULLED: is_head_ready or (head is not None and _has_image(view, head)),
        StageName.HEAD_READY: is_head_ready,
        StageName.WORKERS: is_head_ready and all(g.n_observed >= g.n_desired for g in groups),
    }
    reason = _by_stage(reached, problems)
    counted = "No workers are asked for."
    if n_desired:
        counted = f"{n_ready} of {format_count(n_desired, 'worker')} ready."
    texts = {
        StageName.ACCEPTED: (
            "KubeRay has accepted the cluster.",
            "Waits for the KubeRay operator.",
        ),
        StageName.QUEUED: (
            "Its queue has let it in." if is_queued(view) else "It waits in no queue.",
            "Waits for its queue." if is_queued(view) else "It is suspended.",
        ),
        StageName.HEAD_SCHEDULED: (
            f"The head is on the node {head.node}." if head else "",
            "Waits for a node for the head." if head else "Waits for the head's pod.",
        ),
        StageName.IMAGE_PULLED: ("The head's image is on its node.", _pulling(view, head)),
        StageName.HEAD_READY: ("The head is ready.", "Waits until Ray answers on the head."),
        StageName.WORKERS: (counted, counted),
    }
    stages = []
    for name, is_reached in reached.items():
        done, waiting = texts[name]
        problem = reason.get(name)
        if is_reached:
            stages.append(Stage(name, StageState.DONE, " ".join(done.split())))
            continue
        text = waiting if problem is None else problem.summary
        if problem is not None and name is StageName.WORKERS:
            text = f"{waiting} {problem.summary}"
        is_final = problem is not None and problem.is_final
        state = StageState.FAILED if is_final else StageState.WAITING
        stages.append(Stage(name, state, " ".join(text.split())))
    return tuple(stages)


def _by_stage(
    reached: dict[StageName, bool], problems: tuple[Problem, ...]
) -> dict[StageName, Problem]:
    """Give each problem to the stage that it keeps back; the first of a stage counts."""
    missing = [name for name, is_reached in reached.items() if not is_reached]
    found: dict[StageName, Problem] = {}
    for problem in problems:
        if problem.is_about_head:
            stages: list[StageName] = [n for n in missing if n is not StageName.WORKERS]
        else:
            stages = [StageName.WORKERS] if problem.groups else missing
        # What troubles a head that is ready keeps back no stage.
        if stages:
            found.setdefault(stages[0], problem)
    return found


def _is_let_in(view: ClusterView) -> bool:
    if not is_queued(view) or is_admitted(view):
        return True
    # Kueue's record can't always be read; a cluster that has its pods was let in.
    return not view.snapshot.workload or bool(view.pods)


def _has_image(view: ClusterView, head: RayPod) -> bool:
    container = head.ray
    if container is None:
        return False
    started = container.has_image or container.is_running or bool(container.ended)
    told = view.event("Pulled", pod=head) is not None and container.waiting not in IMAGE_REASONS
    return started or container.waiting not in _BEFORE_IMAGE or told


def _pulling(view: ClusterView, head: RayPod | None) -> str:
    event = None if head is None else view.event("Pulling", pod=head)
    image = head.ray.image if head is not None and head.ray is not None else ""
    if event is None or not image:
        return "Waits for the head's image."
    return f"Pulls the image {image}; the first time on a node this takes minutes."
