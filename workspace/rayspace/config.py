"""Settings: what a person or a project wants to be otherwise.

Layers, the nearest wins: built-in values < ``config.json`` in the user's configuration directory <
``.rayspace/config.json`` in the project < environment variables. A file looks like
``{"Rayspace": {"tracking_uri": "https://mlflow.example.org"}}``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import platformdirs
from traitlets import Bool, Dict, Enum, Float, TraitError, Unicode
from traitlets.config import Configurable

from rayspace.core.clusters.access import check_access
from rayspace.core.tracking.server import check_tracking, parse_tracking
from rayspace.errors import SettingsError
from rayspace.model.measurement import GpuChoice
from rayspace.model.target import IN_CLUSTER, LOCAL, SIMULATED
from rayspace.model.tracking import TrackingWish
from rayspace.names import nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Files that make a directory a project, in the order of their weight.
_PROJECT_MARKS = (".rayspace", ".git", "pyproject.toml")
#: Environment variables that override settings.
_ENV = {
    "MLFLOW_TRACKING_URI": "tracking_uri",
    "RAYSPACE_EXPERIMENT": "experiment",
    "RAYSPACE_STATE_DIR": "state_dir",
    "RAYSPACE_SIMULATED": "simulated",
}
_SWITCH = {"1": True, "true": True, "0": False, "false": False}
_TARGET_KEYS = {"context", "namespace", "access", "url", "tracking"}


class Rayspace(Configurable):
    """The settings of one project."""

    tracking_uri = Unicode(
        "", help="Tracking server of MLflow; by default mlflow.db in the project's directory."
    ).tag(config=True)
    experiment = Unicode(
        "",
        help="MLflow experiment of jobs whose notebook names none; by default the project's name.",
    ).tag(config=True)
    sample_interval_s = Float(
        10.0, help="Time between two samples of the nodes that a job runs on. [s]"
    ).tag(config=True)
    sampled_gpus = Enum(
        [choice.value for choice in GpuChoice],
        "all",
        help="Which GPUs a job's run is told of: all of its cluster, or those that it holds (mine),"
        " where it shares the cluster.",
    ).tag(config=True)
    tracking_pod_uri = Unicode(
        "", help="The same server as pods reach it; by default as tracking_uri says."
    ).tag(config=True)
    tracking_secret = Unicode(
        "",
        help="Secret with MLFLOW_TRACKING_USERNAME and _PASSWORD, or _TOKEN, for pods of jobs.",
    ).tag(config=True)
    targets = Dict(
        help='Targets by name: {"team-a": {"context": "prod", "namespace": "team-a"}}; with'
        ' "access", how heads are reached: "auto", "direct", "proxy", "port-forward", or "url" with'
        ' "url": "https://{cluster}.ray.example.org"; with "tracking", where its runs are kept:'
        ' {"url": "https://mlflow.example.org", "pod_url": "http://mlflow.ml.svc:5000", "secret":'
        ' "mlflow-login"}, the latter two where pods need them.'
    ).tag(config=True)
    state_dir = Unicode(
        "",
        help="Directory of the records of local clusters; by default the user's state directory.",
    ).tag(config=True)
    simulated = Bool(
        default_value=False,
        help="Whether there is a target named simulated: it plays clusters on Kubernetes, for"
        " looking around where there is none. Nothing runs there.",
    ).tag(config=True)

    @property
    def gpu_choice(self) -> GpuChoice:
        """Which GPUs a job's run is told of."""
        return GpuChoice(self.sampled_gpus)


def project_dir(start: Path) -> Path:
    """Find the project that a directory belongs to.

    Parameters
    ----------
    start
        Any directory.

    Returns
    -------
    pathlib.Path
        The nearest directory upwards that is marked as a project, else ``start`` itself.
    """
    start = start.resolve()
    home = Path.home()
    for directory in (start, *start.parents):
        if directory == home and start != home:
            # A home directory under version control is not a project of everything in it.
            break
        if any((directory / mark).exists() for mark in _PROJECT_MARKS):
            return directory
    return start


def absolute_uri(uri: str, base: Path) -> str:
    """Make the path of a local tracking URI absolute: a job runs in another directory.

    Parameters
    ----------
    uri
        A tracking URI.
    base
        The directory that a relative path is relative to.

    Returns
    -------
    str
        The same place, wherever it is read.
    """
    scheme, found, path = uri.partition(":///")
    if found and scheme.startswith("sqlite") and path and not path.startswith(("/", ":memory:")):
        return f"{scheme}:///{(base / path).resolve()}"
    if ":" not in uri:
        return str((base / uri).resolve())
    return uri


def settings_fingerprint(project: Path, environ: Mapping[str, str]) -> tuple[object, ...]:
    """Return a value that changes when settings may have changed."""
    times = []
    for path in _files(project):
        try:
            times.append(path.stat().st_mtime_ns)
        except OSError:
            times.append(0)
    names = (*_ENV, "KUBECONFIG", "HOME", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "RAYSPACE_RUN_ID")
    return (project, *times, *(environ.get(name, "") for name in names), Path.cwd())


def _files(project: Path) -> tuple[Path, Path]:
    return (
        platformdirs.user_config_path("rayspace") / "config.json",
        project / ".rayspace" / "config.json",
    )


def load_settings(project: Path, environ: Mapping[str, str]) -> Rayspace:
    """Read the settings of a project.

    Parameters
    ----------
    project
        The project directory.
    environ
        The environment.

    Returns
    -------
    Rayspace
        The settings.

    Raises
    ------
    SettingsError
        If a file can't be read, or holds a wrong name or value.
    """
    values: dict[str, Any] = {}
    for path in _files(project):
        values.update(_read(path))
    values.update({key: environ[name] for name, key in _ENV.items() if environ.get(name)})
    if isinstance(values.get("simulated"), str):
        # Of a variable; what is neither is refused below.
        values["simulated"] = _SWITCH.get(values["simulated"].lower(), values["simulated"])
    try:
        settings = Rayspace(**values)
    except TraitError as exc:
        raise SettingsError(f"A setting has a wrong value: {exc}") from exc
    if not settings.sample_interval_s >= 1:
        raise SettingsError(
            f"sample_interval_s is {settings.sample_interval_s:g} s.", hint="Give 1 s or more."
        )
    _check_targets(settings.targets)
    # The address for this machine may be a file, which concerns clusters of this machine.
    wish = TrackingWish(pod_uri=settings.tracking_pod_uri)
    check_tracking("The tracking server of the settings", wish)
    return settings


def _check_targets(targets: Mapping[str, Any]) -> None:
    for name, entry in targets.items():
        known = isinstance(entry, dict) and set(entry) <= _TARGET_KEYS
        if not known or not entry.get("context") or name in {LOCAL, IN_CLUSTER, SIMULATED}:
            raise SettingsError(
                f"The target {name!r} of the settings can't be used.",
                hint='Write it as {"NAME": {"context": "CONTEXT", "namespace": "NAMESPACE"}}; the'
                f" names {LOCAL}, {IN_CLUSTER} and {SIMULATED} are taken. Beside them may stand"
                " access, url and tracking.",
            )
        check_access(name, entry)
        parse_tracking(name, entry.get("tracking", {}))


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as exc:
        raise SettingsError(
            f"The settings file {path} can't be read: {exc}.", hint="Repair or delete it."
        ) from exc
    section = data.get("Rayspace", {}) if isinstance(data, dict) else None
    # A name beside the section would be passed over in silence.
    if not isinstance(section, dict) or ("Rayspace" not in data and data):
        raise SettingsError(
            f"The settings file {path} has another shape than expected.",
            hint='Write it as {"Rayspace": {"tracking_uri": "..."}}.',
        )
    known = Rayspace.class_trait_names(config=True)
    for name in section:
        if name not in known:
            like = nearest(name, known) or sorted(known)
            raise SettingsError(
                f"The settings file {path} holds the unknown name {name!r}.",
                hint=f"Did you mean {' or '.join(like)}?",
            )
    return section
