"""Make the wish for a cluster from a profile and what was asked on top of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

from rayspace.core.clusters.worker_groups import counted, resized, with_count
from rayspace.core.profiles.checks import LARGEST_COUNT
from rayspace.core.profiles.overlay import merged, overlay_of
from rayspace.core.profiles.refused_lines import located
from rayspace.errors import ManifestError, UsageError
from rayspace.model.cluster import ClusterSpec
from rayspace.model.profile import PodOptions
from rayspace.names import is_safe_name, safe_name
from rayspace.units import format_bytes, format_count

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rayspace.core.clusters.wishes import Wishes
    from rayspace.model.cluster import ClusterState, Replaced
    from rayspace.model.problem import Problem
    from rayspace.model.profile import NodeResources, Profile


#: More is a slip of the pen on one machine, where each worker costs about 100 MiB and a process
#: tree of its own: it would take all memory. [1]
MAX_WORKERS = 16
#: On Kubernetes administrators set limits of their own; this is for slips of the pen. [1]
MAX_KUBE_WORKERS = 1000


def check_count(label: str, count: int, limit: int) -> None:
    """Refuse a count below 0 or above a limit.

    Parameters
    ----------
    label
        What is counted, as it was written.
    count, limit
        How many, and how many there may be. [1]

    Raises
    ------
    UsageError
        If the count can't be met.
    """
    if not 0 <= count <= limit:
        raise UsageError(f"{label} can't be {count}.", hint=f"Give 0 to {limit}.")


@dataclass(frozen=True)
class Preview:
    """What would be applied to Kubernetes.

    Parameters
    ----------
    manifest
        The object.
    existing
        The one that is there; None for none.
    problems
        What would keep it from coming up, what waiting can't mend first.
    notes
        What is not known, a sentence each.
    replaced
        What would give its place to it, by force alone; None for nothing.
    """

    manifest: dict[str, Any]
    existing: dict[str, Any] | None = None
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    replaced: Replaced | None = None


@dataclass(frozen=True)
class UpPlan:
    """What `up` would do.

    Parameters
    ----------
    spec
        The cluster that would be asked for.
    target
        Where.
    name_was
        The name as given, if it had to be made safe; else empty.
    manifest
        The object that would be applied; None on this machine.
    difference
        How it differs from the one that is there, as a unified diff; empty for not at all or none.
    problems
        What would keep it from coming up, what waiting can't mend first.
    notes
        What is not known of that, a sentence each.
    profile
        The profile; None where none was read.
    replaced
        One's own cluster of that name that would be deleted for it, by force alone; None for none.
    """

    spec: ClusterSpec
    target: str
    name_was: str = ""
    manifest: dict[str, Any] | None = None
    difference: str = ""
    problems: tuple[Problem, ...] = ()
    notes: tuple[str, ...] = ()
    profile: Profile | None = field(default=None, repr=False, compare=False)
    replaced: Replaced | None = None

    def located(self, error: ManifestError) -> ManifestError:
        """Return an error of Kubernetes with the line of the profile that it is about, if any."""
        return error if self.profile is None else located(error, self.profile)


def cluster_spec(
    profile: Profile, wishes: Wishes, project: str, *, limit: int = MAX_WORKERS
) -> tuple[ClusterSpec, str]:
    """Join a profile and the wishes on top of it.

    Parameters
    ----------
    profile
        What to start.
    wishes
        What was asked on top.
    project
        The project directory.
    limit
        The most workers and GPUs that make sense there. [1]

    Returns
    -------
    tuple of ClusterSpec and str
        The cluster, and the name as given if it had to be made safe, else an empty text.

    Raises
    ------
    UsageError
        If a wish can't be met by any cluster.
    QuantityError
        If the memory has no unit.
    """
    wished = profile.name if wishes.name is None else wishes.name
    if not wished.strip():
        raise UsageError("A cluster's name can't be empty.", hint="Leave out --name.")
    n_workers, max_workers = counted(wishes, profile.n_workers, profile.max_workers)
    check_count("--workers", n_workers, limit)
    check_count("--workers", max_workers or 0, limit)
    check_count("--gpus", wishes.gpus or 0, limit)
    if wishes.cpus is not None and not 0 < wishes.cpus <= LARGEST_COUNT:
        hint = f"Give a number above 0, and {LARGEST_COUNT} at most."
        raise UsageError(f"--cpus can't be {wishes.cpus:g}.", hint=hint)
    spec = ClusterSpec(
        name=safe_name(wished),
        profile=profile.name,
        head=profile.head,
        worker=profile.worker,
        n_workers=profile.n_workers,
        env={**profile.env, **wishes.env},
        project=project,
        dashboard_port=wishes.dashboard_port,
        max_workers=profile.max_workers,
        more_groups=profile.more_groups,
        pods=_pods(profile.pods, wishes),
    )
    spec = resized(with_count(spec, wishes), wishes)
    return spec, "" if is_safe_name(wished) else wished


def _pods(pods: PodOptions, wishes: Wishes) -> PodOptions:
    """Put what was asked for on top of a profile's options."""
    asked = {
        "image": wishes.image,
        "queue": wishes.queue,
        "idle_s": wishes.idle_s,
        "max_lifetime_s": wishes.max_lifetime_s,
    }
    changed: dict[str, Any] = {name: value for name, value in asked.items() if value is not None}
    if wishes.settings:
        changed["overlay"] = merged(pods.overlay, overlay_of(wishes.settings))
    return replace(pods, **changed)


def as_it_runs(running: ClusterSpec, wishes: Wishes, profile: str | None) -> ClusterSpec:
    """Ask for a cluster that runs, with what was left out as it is.

    Parameters
    ----------
    running
        The cluster.
    wishes
        What was asked.
    profile
        Name of the profile that was asked for; None for no matter which.

    Returns
    -------
    ClusterSpec
        What is asked of the running cluster.
    """
    n_workers, max_workers = counted(wishes, running.n_workers, running.max_workers)
    asked = resized(replace(running, n_workers=n_workers, max_workers=max_workers), wishes)
    return replace(
        asked,
        n_workers=running.n_workers,
        max_workers=running.max_workers,
        profile=profile or running.profile,
        env={**running.env, **wishes.env},
        dashboard_port=wishes.dashboard_port or running.dashboard_port,
        pods=_pods(running.pods, wishes),
    )


def differences(asked: ClusterSpec, running: ClusterSpec) -> list[str]:
    """Say what keeps a running cluster from being the one that is asked for.

    The number of workers does not: `scale` changes it. Nor does the project that asked for it.

    Parameters
    ----------
    asked, running
        The two.

    Returns
    -------
    list of str
        How the running one differs, like ``2 CPUs on its head, not 4``; none if it will do.
    """
    found = []
    if asked.profile != running.profile:
        found.append(f"the profile {running.profile}, not {asked.profile}")
    parts = (
        ("its head", asked.head, running.head),
        ("each worker", asked.worker, running.worker),
    )
    for label, one, other in parts:
        found += [
            f"{told[1]} on {label}, not {told[0]}"
            for told in zip(_resources(one), _resources(other), strict=True)
            if told[0] != told[1]
        ]
    names = sorted({*asked.env, *running.env})
    if changed := [name for name in names if asked.env.get(name) != running.env.get(name)]:
        found.append(f"other values of the environment variables {', '.join(changed)}")
    # As above, without their numbers.
    kinds = [{group.name: group.worker for group in one.more_groups} for one in (asked, running)]
    if kinds[0] != kinds[1]:
        found.append("other groups of workers")
    found += [
        f"another {option.name.removesuffix('_s').replace('_', ' ')}"
        for option in fields(PodOptions)
        if getattr(asked.pods, option.name) != getattr(running.pods, option.name)
    ]
    if asked.dashboard_port not in {None, running.dashboard_port}:
        found.append(f"its dashboard at another port than {asked.dashboard_port}")
    return found


def workers_to_scale(
    state: ClusterState, workers: int | None, max_workers: int | None
) -> tuple[int, int | None] | None:
    """Say to how many workers `up` scales a cluster that is there.

    Parameters
    ----------
    state
        The cluster.
    workers, max_workers
        How many were asked for, and the most by need. None: as it is, and a fixed number. [1]

    Returns
    -------
    tuple of int and (int or None), or None
        The number, and the most by need; None where it has them, since workers of a cluster that
        runs already change only when somebody says so.
    """
    if workers is not None and (max_workers, state.spec.max_workers) != (None, None):
        # How many Ray wants by need at the moment says nothing of the bounds.
        asked = workers, max_workers
        return None if asked == (state.spec.n_workers, state.spec.max_workers) else asked
    first = state.groups[0]
    n_wanted = first.n_desired if workers is None else workers
    # On Kubernetes pods that are asked for come by themselves.
    n_asked = first.n_desired if state.namespace else first.n_requested
    return None if n_wanted == n_asked else (n_wanted, None)


def _resources(part: NodeResources) -> list[str]:
    """Write resources in words, in an order that does not change."""
    cpus, memory = part.cpus, part.memory_bytes
    store = part.object_store_memory_bytes
    return [
        "all CPUs" if cpus is None else format_count(cpus, "CPU"),
        "no GPU" if not part.gpus else format_count(part.gpus, f"{part.gpu_type} GPU".strip()),
        "unlimited memory" if memory is None else f"{format_bytes(memory)} of memory",
        "an object store of the usual size"
        if store is None
        else f"{format_bytes(store)} of object store",
    ]


def default_name(profile: str, project: str, owners: Mapping[str, str], mine: Sequence[str]) -> str:
    """Choose a cluster's name that nobody gave: the profile's, made this project's own.

    Parameters
    ----------
    profile
        Name of the profile.
    project
        The project directory.
    owners
        Project of each live cluster, by name.
    mine
        Live clusters that this project started from the profile.

    Returns
    -------
    str
        The profile's name; with the folder's name behind it when another project has that, and
        with a mark of the whole path when folders are called the same. A cluster of such a name
        that this project has already keeps it.
    """
    folder = project.rstrip("/").rpartition("/")[2]
    mark = hashlib.sha256(project.encode("utf-8", "surrogateescape")).hexdigest()[:6]
    candidates = [safe_name(profile), safe_name(f"{profile}-{folder or mark}")]
    candidates.append(safe_name(f"{candidates[1][:50]}-{mark}"))
    for name in candidates:
        if name in mine:
            return name
    return next(
        (name for name in candidates if owners.get(name, project) == project), candidates[-1]
    )
