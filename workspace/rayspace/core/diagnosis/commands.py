"""Commands that mend a cluster, whole: typed as they are printed, they do what is said of them.

They name the target and the profile, since what they concern need be neither the chosen cluster nor
the default one. A command that other words follow stands in backticks.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from rayspace.core.diagnosis.fields import text
from rayspace.core.manifests.ray_cluster import PROFILE

if TYPE_CHECKING:
    from rayspace.core.diagnosis.view import ClusterView


def command(view: ClusterView, verb: str, options: str = "") -> str:
    """Return a command on a cluster, like ``rayspace cluster down c --on team-a``.

    Parameters
    ----------
    view
        The cluster.
    verb
        What is done to it.
    options
        What else is said; empty for nothing.

    Returns
    -------
    str
        The command.
    """
    return _line(verb, shlex.quote(view.snapshot.name), options, on_target(view))


def start(view: ClusterView, options: str = "") -> str:
    """Return the command that starts a cluster of its name and profile.

    Parameters
    ----------
    view
        The cluster.
    options
        What is asked for on top of the profile.

    Returns
    -------
    str
        The command; kubectl's for a cluster that was made without us, so of no profile.
    """
    profile = _profile(view)
    if not profile:
        return f"kubectl create -n {view.snapshot.namespace} -f MANIFEST"
    name = f"--name {shlex.quote(view.snapshot.name)}"
    return _line("up", shlex.quote(profile), name, options, on_target(view))


def anew(view: ClusterView, options: str = "") -> str:
    """Return what makes a cluster anew, with something else asked for.

    Parameters
    ----------
    view
        The cluster.
    options
        What is asked for on top of the profile.

    Returns
    -------
    str
        A command; or two, of which the first ends a cluster that can be used and that is therefore
        not replaced by force.
    """
    if not _profile(view):
        return f"kubectl replace --force -n {view.snapshot.namespace} -f MANIFEST"
    if view.is_head_ready:
        return f"`{command(view, 'down')}`, then `{start(view, options)}`"
    return f"{start(view, options)} --force"


def on_target(view: ClusterView) -> str:
    """Return the option that names the target; empty where it is not known."""
    target = view.snapshot.target
    return f"--on {shlex.quote(target)}" if target else ""


def _profile(view: ClusterView) -> str:
    return text(view.snapshot.ray_cluster, "metadata", "labels", PROFILE)


def _line(*parts: str) -> str:
    return " ".join(("rayspace cluster", *filter(None, parts)))
