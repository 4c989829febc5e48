"""Where clusters of a project can be, from its settings, its pod and its kubeconfig."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from rayspace.config import Rayspace, load_settings
from rayspace.core.access import with_access_of
from rayspace.errors import RefusedError, SettingsError, TargetNotFoundError
from rayspace.gateways.kube.credentials import kubeconfig_targets, pod_target
from rayspace.gateways.kube.used_targets import UsedTargets
from rayspace.model.target import AUTO, LOCAL, SIMULATED, Target
from rayspace.names import safe_name

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
        wanted = context or (base.context if base else None)
        found = [t for t in self._kube_targets if t.context == wanted and wanted is not None]
        if not found:
            known = sorted({target.context for target in self._kube_targets})
            raise TargetNotFoundError(
                f"The kubeconfig holds no context {wanted!r}."
                if context
                else "A namespace needs a target or a context.",
                hint=f"Contexts: {', '.join(known)}." if known else "There is no kubeconfig.",
                details={"context": wanted, "known": known},
            )
        fitting = [t for t in found if namespace in {None, t.namespace}]
        if fitting:
            return fitting[0].name
        target = Target(
            safe_name(f"{wanted}-{namespace}"), str(wanted), str(namespace), source="used"
        )
        self._used_targets.add(target)
        for cached in ("_kube_targets", "_kube_gateways", "clusters", "jobs"):
            self.__dict__.pop(cached, None)
        return target.name

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
        try:
            contexts = kubeconfig_targets(self.environ)
        except SettingsError as exc:
            # Clusters of this machine work all the same; who names a target is told.
            contexts, self.kube_trouble = [], exc
        found: dict[str, Target] = {}
        # A namespace that was asked for by its target is reached as that one is.
        used = [with_access_of(target, named) for target in self._used_targets.list()]
        for target in (*named, *([pod] if pod else []), *used, *contexts):
            found.setdefault(target.name, target)
        return tuple(found.values())
