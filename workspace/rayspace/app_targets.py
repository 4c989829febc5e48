"""Where clusters of a project can be, from its settings, its pod and its kubeconfig."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from rayspace.config import Rayspace, load_settings
from rayspace.core.clusters.access import with_access_of
from rayspace.errors import RefusedError, SettingsError, TargetNotFoundError
from rayspace.gateways.kube.credentials import kubeconfig_targets, pod_target
from rayspace.gateways.kube.used_targets import UsedTargets
from rayspace.model.target import AUTO, IN_CLUSTER, LOCAL, SIMULATED, Target
from rayspace.names import distinct_name, safe_name

if TYPE_CHECKING:
    from collections.abc import Mapping


class KnownTargets:
    """The settings of a project, and the targets that they and its surroundings name.

    Parameters
    ----------
    project
        The project directory.
    environ
        The environment.
    """

    def __init__(self, project: Path, environ: Mapping[str, str]) -> None:
        self.project = project
        self.environ = environ
        #: Why the kubeconfig can't be read; None if it can, or was not looked at.
        self.kube_trouble: SettingsError | None = None

    @functools.cached_property
    def settings(self) -> Rayspace:
        """The settings of the project."""
        return load_settings(self.project, self.environ)

    @functools.cached_property
    def state_dir(self) -> Path:
        """Where records of local clusters are kept."""
        named = self.settings.state_dir
        return Path(named) if named else platformdirs.user_state_path("rayspace")

    def targets(self) -> list[Target]:
        """List where clusters can be, this machine first."""
        played = [Target(SIMULATED, "", SIMULATED, "simulated")] if self.settings.simulated else []
        return [Target(LOCAL, "", "", "machine"), *self._kube_targets, *played]

    def target_of(self, name: str | None, context: str | None, namespace: str | None) -> str:
        """Return the target of a context and a namespace, and remember it under a name.

        Raises
        ------
        TargetNotFoundError
            If the kubeconfig holds no such context, or there is no such target.
        """
        base = self._named(name) if name else None
        context, namespace = self._place_of(base, context, namespace)
        for known in (*([base] if base else []), *self._kube_targets):
            if (known.context, known.namespace) == (context, namespace):
                return known.name
        plain = safe_name(f"{context}-{namespace}")
        taken = {LOCAL, SIMULATED, IN_CLUSTER, *(known.name for known in self._kube_targets)}
        own = distinct_name(plain, context, namespace) if plain in taken else plain
        self._used_targets.add(Target(own, context, namespace, source="used"))
        for cached in ("_kube_targets", "_kube_gateways", "clusters", "jobs"):
            self.__dict__.pop(cached, None)
        return own

    def _place_of(
        self, base: Target | None, context: str | None, namespace: str | None
    ) -> tuple[str, str]:
        """Return the context and the namespace that are meant; a context by its own name only."""
        if not context and base is not None:
            return base.context, namespace or base.namespace
        for own in self._contexts:
            if own.context == context:
                return own.context, namespace or own.namespace
        known = sorted(target.context for target in self._contexts)
        raise TargetNotFoundError(
            f"The kubeconfig holds no context {context!r}."
            if context
            else "A namespace needs a target or a context.",
            hint=f"Contexts: {', '.join(known)}." if known else "There is no kubeconfig.",
            details={"context": context, "known": known},
        )

    def _named(self, name: str) -> Target:
        for target in self._kube_targets:
            if target.name == name:
                return target
        if name == SIMULATED and self.settings.simulated:
            raise RefusedError(
                "The target simulated is played on this machine: there is no Kubernetes to ask.",
                hint="Clusters can be started and looked at there: rayspace cluster up cpu-small"
                " --on simulated",
                details={"target": name},
            )
        raise TargetNotFoundError(
            f"There is no target {name!r} on Kubernetes.",
            hint="See: rayspace cluster targets",
            details={"target": name},
        )

    @functools.cached_property
    def _used_targets(self) -> UsedTargets:
        return UsedTargets(self.state_dir / "targets.json")

    @functools.cached_property
    def _kube_targets(self) -> tuple[Target, ...]:
        """Targets on Kubernetes: of the settings, of this pod, used before, of the kubeconfig."""
        named = [
            Target(
                name,
                entry["context"],
                entry.get("namespace") or "default",
                access=entry.get("access", AUTO),
                url=entry.get("url", ""),
            )
            for name, entry in self.settings.targets.items()
        ]
        pod = pod_target()
        fixed: dict[str, Target] = {}
        for target in (*named, *([pod] if pod else []), *self._contexts):
            fixed.setdefault(target.name, target)
        found = {name: target for name, target in fixed.items() if target.source != "kubeconfig"}
        for used in self._used_targets.list():
            # A namespace that was asked for by its target is reached as that one is.
            target = with_access_of(used, named)
            place = (target.context, target.namespace)
            holder = fixed.get(target.name, target)
            if (holder.context, holder.namespace) != place:
                # What had this name when it was asked for must never stand for something else.
                target = replace(target, name=distinct_name(target.name, *place))
            found.setdefault(target.name, target)
        for target in fixed.values():
            found.setdefault(target.name, target)
        return tuple(found.values())

    @functools.cached_property
    def _contexts(self) -> tuple[Target, ...]:
        """Contexts of the kubeconfig; none where it can't be read."""
        try:
            return tuple(kubeconfig_targets(self.environ))
        except SettingsError as exc:
            # Clusters of this machine work all the same; who names a target is told.
            self.kube_trouble = exc
            return ()
