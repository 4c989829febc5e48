"""Words and figures that text and HTML share."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.spec import UpPlan
from rayspace.core.manifests.diff import manifest_yaml
from rayspace.model.cluster import ClusterPhase, ClusterState, Node
from rayspace.model.job import Cause, JobPhase, JobState
from rayspace.model.limits import LimitsPolicy, NamespaceLimits
from rayspace.model.profile import GroupSpec
from rayspace.model.submission import SubmitPlan
from rayspace.model.tracked_run import TrackedRun
from rayspace.present.cluster_words import activity_text, explanation, place_text, workers_text
from rayspace.present.limit_words import limits_facts, policy_yaml
from rayspace.present.times import clock_time, short_time
from rayspace.present.usage_words import tracked_facts
from rayspace.services.ending import DownResult
from rayspace.services.observation import cell_text
from rayspace.services.results import ResultPaths
from rayspace.units import format_bytes, format_duration, short_duration
from rayspace.verbs import Explanation

if TYPE_CHECKING:
    from rayspace.model.check import Check
    from rayspace.model.profile import NodeResources, Profile

#: Colours of phases, as rich names them.
COLOURS = {
    "ready": "green",
    "succeeded": "green",
    "ok": "green",
    "done": "green",
    "starting": "yellow",
    "queued": "yellow",
    "suspended": "magenta",
    "ending": "magenta",
    "pending": "yellow",
    "warning": "yellow",
    "running": "cyan",
    "note": "cyan",
    "failed": "red",
    "problem": "red",
    "lost": "red",
    "unreachable": "red",
    "stopped": "magenta",
}
#: Verbs that ask for something which goes on without them.
LASTING = {"up", "resume", "scale", "down", "submit", "stop", "retry", "demo"}
#: Verbs of what is done to a cluster, once it is done.
_PAST = {
    "delete": "Deleted",
    "end": "Ended",
    "remove": "Removed",
    "stop": "Stopped",
    "forget": "Forgot",
}


def in_notebook_words(text: str) -> str:
    """Turn the commands of a hint into the magics that do the same."""
    return text.replace("rayspace cluster", "%ray_cluster").replace("rayspace job", "%ray_job")


def stopped_text(noun: str, verb: str, name: str) -> str:
    """Say what goes on after somebody stopped waiting for a verb.

    Parameters
    ----------
    noun, verb
        Such as ``"job"`` and ``"logs"``.
    name
        The cluster or job that was named; empty for none.

    Returns
    -------
    str
        A sentence with the command that shows it; empty where nothing was started.
    """
    thing = f" {name}" if name else ""
    if verb == "logs":
        return f"The {noun} goes on; see it with: rayspace {noun} status{thing}"
    if verb in LASTING:
        return "What was started goes on: see rayspace cluster list and rayspace job list"
    return ""


def resources(part: NodeResources) -> str:
    """Write what a node may use."""
    words = ["all CPUs" if part.cpus is None else f"{part.cpus:g} CPU"]
    if part.memory_bytes is not None:
        words.append(format_bytes(part.memory_bytes))
    if part.gpus:
        words.append(f"{part.gpus} {part.gpu_type} GPU".replace("  ", " "))
    return ", ".join(words)


def cluster_row(cluster: ClusterState, chosen: str, now_ms: int) -> dict[str, str]:
    """Describe a cluster in a row, at a time [ms since 1970-01-01 UTC]."""
    return {
        "name": f"{cluster.name} *" if cluster.name == chosen else cluster.name,
        "target": cluster.target,
        "phase": cluster.phase.value,
        "profile": cluster.profile or f"({cluster.origin.value})",
        "workers": f"{cluster.n_workers_observed}/{cluster.n_workers_desired}",
        "started": short_time(cluster.started_ms, now_ms),
        "why": cluster.reason,
    }


def job_row(job: JobState, now_ms: int) -> dict[str, str]:
    """Describe a job in a row, at a time [ms since 1970-01-01 UTC]."""
    progress = job.progress if job.progress and job.progress.n_cells else None
    return {
        "job": job.name,
        "phase": job.phase.value,
        "cells": f"{progress.n_done}/{progress.n_cells}" if progress else "-",
        "time": short_duration(progress.elapsed_s) if progress else "-",
        "submitted": short_time(job.submitted_ms, now_ms),
        "cluster": job.cluster,
        "notebook": job.notebook,
        "why": job.reason,
    }


def node_row(node: Node) -> dict[str, str]:
    """Describe a node in a row."""
    measured = node.memory_total_bytes > 0
    return {
        "node": node.name or ("head" if node.is_head else "-"),
        "address": node.ip,
        "state": "alive" if node.is_alive else "dead",
        "CPUs": f"{node.cpus:g}",
        "CPU in use": f"{node.cpu_used_fraction:.0%}" if measured else "-",
        "memory in use": f"{format_bytes(node.memory_used_bytes)} of "
        f"{format_bytes(node.memory_total_bytes)}"
        if measured
        else "-",
        "GPUs": f"{node.gpus:g}",
    }


def profile_row(profile: Profile) -> dict[str, str]:
    """Describe a profile in a row."""
    return {
        "profile": profile.name,
        "what": profile.description,
        "target": profile.target,
        "head": resources(profile.head),
        "workers": _profile_workers(profile),
        "from": profile.layer,
    }


def _profile_workers(profile: Profile) -> str:
    first = GroupSpec("workers", profile.n_workers, profile.worker, profile.max_workers)
    own = [] if profile.more_groups and not profile.n_workers else [first]
    return "; ".join(map(_group_text, (*own, *profile.more_groups)))


def check_row(check: Check) -> dict[str, str]:
    """Describe a check in a row."""
    return {
        "check": check.name,
        "state": check.state,
        "found": check.text,
        "what helps": check.hint,
    }


def facts(value: Any, *, in_notebook: bool = False) -> list[tuple[str, str]]:
    """Describe one thing, as pairs of a name and a text; empty texts are left out.

    Parameters
    ----------
    value
        A value of the model.
    in_notebook
        Whether advice is for a notebook, and not for a terminal.

    Returns
    -------
    list of tuple of str and str
        The pairs.
    """
    if isinstance(value, ClusterState):
        pairs = _cluster_facts(value, in_notebook=in_notebook)
    elif isinstance(value, Explanation):
        pairs = explanation(value.cluster)
    elif isinstance(value, NamespaceLimits):
        pairs = limits_facts(value)
    elif isinstance(value, LimitsPolicy):
        pairs = [("policy", policy_yaml(value))]
    elif isinstance(value, JobState):
        pairs = _job_facts(value, in_notebook=in_notebook)
    elif isinstance(value, ResultPaths):
        pairs = [
            ("notebook", value.notebook),
            ("page", value.html),
            ("log", value.log),
            ("run", value.run_id),
        ]
    elif isinstance(value, DownResult):
        pairs = [(value.name, "\n".join(_deeds(value)))]
    elif isinstance(value, UpPlan):
        pairs = [
            ("name", value.spec.name),
            ("target", value.target),
            ("head", resources(value.spec.head)),
            *((group.name, _group_text(group)) for group in value.spec.groups),
            *(("problem", f"{problem.summary} {problem.hint}") for problem in value.problems),
            *(("unknown", note) for note in value.notes),
            ("with --force", value.replaced.why if value.replaced else ""),
            ("object", manifest_yaml(value.manifest) if value.manifest else ""),
            ("changes", value.difference),
        ]
    elif isinstance(value, SubmitPlan):
        pairs = _plan_facts(value)
    elif isinstance(value, TrackedRun):
        pairs = tracked_facts(value)
    else:
        message = f"{type(value).__name__} has no description"
        raise TypeError(message)
    return [(name, text) for name, text in pairs if text]


def _group_text(group: GroupSpec) -> str:
    count = _count(group)
    return "none" if count == "0" else f"{count} x {resources(group.worker)}"


def _count(group: GroupSpec) -> str:
    most = group.max_workers
    return f"{group.n_workers}" if most is None else f"{group.n_workers} to {most}"


def _deeds(result: DownResult) -> list[str]:
    """Say what was done to a cluster, or would be."""
    if not result.actions:
        return ["There is nothing to end." if result.is_dry_run else "There was nothing to end."]
    if result.is_dry_run:
        return [f"Would {action}" for action in result.actions]
    return [_past(action) for action in result.actions]


def _past(action: str) -> str:
    verb, _, rest = action.partition(" ")
    return f"{_PAST.get(verb, f'Did {verb}')} {rest}"


def _cluster_facts(cluster: ClusterState, *, in_notebook: bool) -> list[tuple[str, str]]:
    versions = [
        f"Ray {cluster.ray_version}" if cluster.ray_version else "",
        f"Python {cluster.python_version}" if cluster.python_version else "",
    ]
    return [
        ("cluster", place_text(cluster)),
        ("phase", cluster.phase.value),
        ("why", cluster.reason),
        ("profile", cluster.profile or cluster.origin.value),
        ("workers", workers_text(cluster)),
        ("activity", activity_text(cluster)),
        ("owner", cluster.owner),
        ("versions", ", ".join(filter(None, versions))),
        ("dashboard", cluster.address.dashboard_url),
        ("attach", _attaching(cluster, in_notebook=in_notebook)),
        ("logs", cluster.log_dir),
        ("started", clock_time(cluster.started_ms)),
    ]


def _attaching(cluster: ClusterState, *, in_notebook: bool) -> str:
    """Say how a program joins a cluster: with nothing more where it is pointed there already."""
    address, pointed_at = cluster.address, os.environ.get("RAY_ADDRESS", "")
    if cluster.phase not in {ClusterPhase.STARTING, ClusterPhase.READY}:
        return ""
    if pointed_at and pointed_at in {address.gcs_address, address.client_url}:
        return "ray.init()"
    if address.cluster:
        line = f"%ray_cluster connect {cluster.name}"
        return line if in_notebook else f'in Python: ray.init("{address.client_url}")'
    if in_notebook:
        return f"%ray_cluster use {cluster.name}, then ray.init()"
    values = {
        "RAY_ADDRESS": address.gcs_address,
        "RAY_AUTH_MODE": "token" if address.token_path else "disabled",
        "RAY_AUTH_TOKEN_PATH": address.token_path,
    }
    exported = " ".join(f"{name}={shlex.quote(value)}" for name, value in values.items() if value)
    return f'export {exported}\nor in Python: rayspace.clusters.use("{cluster.name}")'


def _job_facts(job: JobState, *, in_notebook: bool) -> list[tuple[str, str]]:
    progress = job.progress if job.progress and job.progress.n_cells else None
    running = job.phase is JobPhase.RUNNING
    cells = elapsed = ""
    if progress:
        cells = f"{progress.n_done} of {progress.n_cells} {progress.unit}s"
        elapsed = f", {format_duration(progress.elapsed_s)}"
    return [
        ("job", job.name),
        ("phase", job.phase.value),
        ("why", job.reason),
        ("now", cell_text(progress) if progress and running else ""),
        ("progress", cells + elapsed),
        ("attempt", _attempt(job)),
        ("notebook", job.notebook),
        ("cluster", f"{job.cluster} on {job.target}" if job.cluster else ""),
        ("run", f"{job.run_id} in {job.experiment}"),
        ("tracking", job.tracking_uri),
        ("results", in_notebook_words(_results(job)) if in_notebook else _results(job)),
        ("submitted", clock_time(job.submitted_ms)),
    ]


def _attempt(job: JobState) -> str:
    """Say which attempt has a job, once it is not the first."""
    if job.attempt < 2:
        return ""
    return f"{job.attempt}; what failed before is in child runs of its run"


def _results(job: JobState) -> str:
    if job.results_dir or not job.phase.is_terminal or job.cause is Cause.NOT_STARTED:
        return job.results_dir
    return f"not fetched yet; get them with: rayspace job fetch {job.name}"


def _plan_facts(plan: SubmitPlan) -> list[tuple[str, str]]:
    files = "\n".join(f"{f.path}  {format_bytes(f.size_bytes)}" for f in plan.bundle.files)
    return [
        ("notebook", plan.notebook),
        ("cluster", plan.cluster or f"one of its own on {plan.target}"),
        ("experiment", plan.experiment),
        ("parameters", ", ".join(f"{k} = {v!r}" for k, v in plan.parameters.items())),
        ("bundle", plan.bundle.summary()),
        ("files", files),
        ("packages", "\n".join(plan.packages)),
        ("warnings", "\n".join(plan.warnings)),
        ("object", manifest_yaml(plan.manifest) if plan.manifest else ""),
    ]
