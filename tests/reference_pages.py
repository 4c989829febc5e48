# ruff: noqa: E501  prose is broken by meaning
"""Pages of reference, made of the code that they are about.

Write them anew with ``python -m tests.reference_pages``, and look at what git says.
"""

from __future__ import annotations

import argparse
import dataclasses
import enum
import importlib
import inspect
import json
import pkgutil
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rayspace.model
from rayspace import errors
from rayspace.config import _ENV, Rayspace
from rayspace.core.limits import limits
from rayspace.core.nodes import metrics as node_metrics
from rayspace.core.nodes.usage_summary import usage_metrics
from rayspace.core.profiles import defaults
from rayspace.grammar import cluster_parser, command_parser, job_parser, verb_parsers
from rayspace.model import usage
from rayspace.model.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "workspace" / "reference"
#: Modules beside the model whose values are printed as JSON.
_PRINTED_BY = (
    "rayspace.core.clusters.spec",
    "rayspace.demo",
    "rayspace.services.ending",
    "rayspace.services.results",
)
#: What verbs print, by the name that people know it by.
_KINDS = {
    "cluster": "ClusterState",
    "node": "Node",
    "GPUs of a cluster": "ClusterUsage",
    "profile": "Profile",
    "target": "Target",
    "check": "Check",
    "limits": "NamespaceLimits",
    "policy": "LimitsPolicy",
    "plan of a cluster": "UpPlan",
    "end of a cluster": "DownResult",
    "job": "JobState",
    "plan of a job": "SubmitPlan",
    "results": "ResultPaths",
    "demo": "DemoResult",
    "image": "ImageBuild",
}
_NOTE = "<!-- Made by `python -m tests.reference_pages`; changes belong in the code. -->"


_COMMANDS = """
# Commands

In a terminal `rayspace cluster …` and `rayspace job …`, in a notebook `%ray_cluster …` and
`%ray_job …` after `%load_ext rayspace`: the same verbs. `--help` after any of them says what stands
here. `--json` may stand anywhere; see [json.md](json.md).

Sizes and durations need a unit: `8GB` is 8·10⁹ bytes, `8GiB` is 8·2³⁰ bytes; `90s`, `10m`, `2h`.
Exit codes: 0 done, 1 failed, 2 asked wrongly (nothing was changed), 130 stopped. `cancel` is `stop`.
"""
_JSON = """
# JSON

Every verb takes `--json`, before it or after it, and then prints one JSON value: an object, or an
object with one list (`clusters`, `nodes`, `profiles`, `targets`, `checks`, `jobs`). `logs` prints
one `{"text"}` a line, and what is watched prints a value a line. Names are stable and bear their unit:
`memory_bytes`, `started_ms`, `busy_fraction`.

An error is `{"code", "message", "hint", "details"}`; its codes stand at the end.
"""
_SETTINGS = """
# Settings

`config.json` in the user's configuration directory (`~/.config/rayspace/` on Linux), then
`.rayspace/config.json` in the project, then environment variables; the nearest wins.
"""
_EXAMPLE = """```json
{"Rayspace": {"tracking_uri": "https://mlflow.example.org", "experiment": "digits"}}
```"""
_VARIABLES = """
Two more variables: `RAYSPACE_SUBMIT` holds what would follow the notebook in `rayspace job submit`,
for notebooks that papermill or jupyter-scheduler hand over; `KUBECONFIG` is Kubernetes' own.
"""
_PROFILES = """
# Profiles

A profile is what to start, by name: a YAML file. Built-in ones come first, then `profiles/` in the
system's configuration directory, the ConfigMap `rayspace-profiles` of a namespace, the user's
configuration directory, and `.rayspace/profiles/` in the project; the nearest wins with its whole
file. `rayspace cluster profiles --on TARGET` says which layer won, and with `--json` which file.

`templates/profiles/laptop.yaml` is one to copy; `templates/profiles/schema.json` is for your
editor.
"""
_ADMINISTRATOR = """
## What an administrator sets for a namespace

In the ConfigMap `rayspace-profiles`, as in `templates/kubernetes/profiles.yaml`: profiles, each as
`NAME.yaml`; `image` and `image-gpu` of clusters that name none; under `defaults.yaml` what lies
under every profile (KEYS); and under `limits.yaml` the most that one cluster may ask for:
"""
_METRICS = """
# Metrics

Every job's run holds what its nodes were doing, in the names of MLflow's own system metrics, so that
MLflow's page shows them: `system/NODE/NAME`. Nodes are called `head`, `worker-0`, `gpu-worker-0`. Sums
and means of all nodes are below `system/cluster/`; above 64 GPUs that has percentiles too, in place of a
line for each GPU, and each sample is in `metrics/samples.csv.gz` (`pandas.read_csv` reads it).
"""
_SUMMARY = """
A slice (MIG) of GPU i has `gpu_<i>_mig_<k>` in place of `gpu_<i>`.

At its end the run gets a summary, with a sentence where something was wasted: `metrics/summary.html`,
`metrics/summary.json`, and as metrics, of single GPUs and nodes where there are not too many for
charts (shares are 0..1):
"""


def pages() -> dict[str, str]:
    """Return the text of each page by its name."""
    made = {
        "commands.md": _commands(),
        "json.md": _json(),
        "settings.md": _settings(),
        "profiles.md": _profiles(),
        "metrics.md": _metrics(),
    }
    return {name: f"{_NOTE}\n\n{text.strip()}\n" for name, text in made.items()}


def _prose(text: str) -> str:
    """Make each paragraph one line, as pages are read in browsers."""
    return "\n\n".join(part.replace("\n", " ") for part in text.strip().split("\n\n"))


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("``", "`").replace(" [1]", "").replace("|", "\\|")


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


# ------------------------------------------------------------------ commands


def _commands() -> str:
    parts = [_prose(_COMMANDS)]
    for title, parser in (
        ("rayspace", command_parser()),
        ("rayspace cluster", cluster_parser("rayspace cluster")),
        ("rayspace job", job_parser("rayspace job")),
    ):
        parts.append(f"## {title}")
        for name, verb in verb_parsers(parser).items():
            if title == "rayspace" and name in {"cluster", "job"}:
                continue
            parts += _verb(f"{title} {name}", verb)
    return "\n\n".join(parts)


def _verb(title: str, verb: argparse.ArgumentParser) -> Iterator[str]:
    words = [_usage(action) for action in _own(verb)]
    yield f"### {title}"
    yield f"{(verb.description or '').rstrip('.').capitalize()[:1]}{(verb.description or '')[1:]}."
    yield f"```text\n{' '.join([title, *words])}\n```"
    rows = [(f"`{_names(action)}`", _about(action)) for action in _own(verb)]
    if rows:
        yield _table(("", "is"), rows)


def _own(verb: argparse.ArgumentParser) -> list[argparse.Action]:
    left_out = {"--help", "--json"}
    return [a for a in verb._actions if not left_out & set(a.option_strings)]


def _value(action: argparse.Action) -> str:
    if action.nargs == 0:
        return ""
    if action.choices is not None:
        return " or ".join(map(str, action.choices))
    metavar = action.metavar or action.dest.upper()
    return " ".join(metavar) if isinstance(metavar, tuple) else str(metavar)


def _names(action: argparse.Action) -> str:
    if not action.option_strings:
        return _value(action)
    return f"{', '.join(action.option_strings)} {_value(action)}".strip()


def _usage(action: argparse.Action) -> str:
    if not action.option_strings:
        value = "|".join(map(str, action.choices)) if action.choices else _value(action)
        return value if action.required and action.nargs is None else f"[{value}]"
    text = f"{action.option_strings[-1]} {_value(action)}".strip()
    if isinstance(action, argparse.BooleanOptionalAction):
        text = action.option_strings[-1 if action.default else 0]
    return text if action.required else f"[{text}]"


def _about(action: argparse.Action) -> str:
    return (action.help or "").rstrip(".")


# ---------------------------------------------------------------------- JSON


def _classes() -> dict[str, type]:
    modules = [f"rayspace.model.{m.name}" for m in pkgutil.iter_modules(rayspace.model.__path__)]
    found: dict[str, type] = {}
    for name in (*modules, *_PRINTED_BY):
        module = importlib.import_module(name)
        for cls in vars(module).values():
            if inspect.isclass(cls) and cls.__module__ == name:
                found[cls.__name__] = cls
    return found


def _json() -> str:
    parts = [_prose(_JSON)]
    classes = _classes()
    told: set[str] = set()
    for kind, name in _KINDS.items():
        parts.append(f"## {kind[0].upper()}{kind[1:]}")
        parts += _value_of(classes, name, told, ())
    parts += ["## Errors", _table(("code", "is", "exit code"), _error_rows())]
    return "\n\n".join(parts)


def _value_of(
    classes: dict[str, type], name: str, told: set[str], path: tuple[str, ...]
) -> Iterator[str]:
    cls = classes[name]
    told.add(name)
    about = _described(cls)
    rows, below = [], []
    for field in dataclasses.fields(cls):
        if not field.repr:
            continue
        text = about.get(field.name, "")
        for inner in re.findall(r"[A-Z]\w+", str(field.type)):
            found = classes.get(inner)
            if found is not None and issubclass(found, enum.Enum):
                values = ", ".join(f"`{m.value}`" for m in found if m.value != "")
                text = f"{text} One of {values}."
            elif found is not None and dataclasses.is_dataclass(found):
                text = f"{text} See *{inner}*."
                if inner not in told:
                    told.add(inner)
                    below.append((field.name, inner))
        rows.append((f"`{field.name}`", text))
    if path:
        yield f"*{name}*, as in `{'.'.join(path)}`:"
    yield _table(("name", "is"), rows)
    for field_name, inner in below:
        yield from _value_of(classes, inner, told, (*path, field_name))


def _described(cls: type) -> dict[str, str]:
    """Read what a docstring says of each parameter."""
    _, _, text = inspect.cleandoc(cls.__doc__ or "").partition("Parameters\n----------\n")
    found: dict[str, str] = {}
    names: list[str] = []
    for line in text.split("\n"):
        if line and not line.startswith(" "):
            names = [name.strip() for name in line.split(",")]
        else:
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found


def _error_rows() -> Iterator[tuple[str, str, str]]:
    queue: list[type[errors.RayspaceError]] = [errors.RayspaceError]
    while queue:
        cls = queue.pop(0)
        queue = [*cls.__subclasses__(), *queue]
        if cls.__module__ == errors.__name__:
            first = inspect.cleandoc(cls.__doc__ or "").split("\n")[0].rstrip(".")
            yield f"`{cls.code}`", first, str(cls.exit_code)


# ------------------------------------------------- settings, profiles, limits


def _settings() -> str:
    variables = {setting: variable for variable, setting in _ENV.items()}
    rows = [
        (
            f"`{name}`",
            str(trait.help).rstrip("."),
            f"`{json.dumps(trait.default())}`",
            f"`{variables[name]}`" if name in variables else "",
        )
        for name, trait in sorted(Rayspace.class_traits(config=True).items())
    ]
    table = _table(("name", "is", "by default", "variable"), rows)
    return "\n\n".join((_prose(_SETTINGS), _EXAMPLE, table, _prose(_VARIABLES)))


def _profiles() -> str:
    schema = json.loads((ROOT / "templates" / "profiles" / "schema.json").read_text("utf-8"))
    rows = [
        (f"`{name}`", _schema_text(schema, field)) for name, field in schema["properties"].items()
    ]
    about = _described(Limits)
    limit_rows = [
        (
            f"`{key}`",
            next(about[name] for name in (key, f"{key}_bytes", f"{key}_s") if name in about),
        )
        for key in limits._KEYS
    ]
    keys = ", ".join(f"`{key}`" for key in defaults._KEYS)
    return "\n\n".join(
        (
            _prose(_PROFILES),
            _table(("key", "is"), rows),
            _prose(_ADMINISTRATOR.replace("KEYS", keys)),
            _table(("limit", "is"), limit_rows),
        )
    )


def _schema_text(schema: dict[str, Any], field: dict[str, Any]) -> str:
    shared = schema["$defs"].get(str(field.get("$ref", "")).rpartition("/")[2], {})
    text = str(field.get("description") or shared.get("description") or "")
    if "properties" in field:
        inner = ", ".join(f"`{name}`" for name in field["properties"])
        text = f"{text} Holds {inner}."
    return text


# ------------------------------------------------------------------- metrics


def _metrics() -> str:
    drawn = re.search(
        r"^=+ .*?\n(.*?\n)=+ .*?\n(.*?)^=+ ", node_metrics.__doc__, re.MULTILINE | re.DOTALL
    )
    rows = [re.split(r"\s{2,}", line.strip(), maxsplit=2) for line in drawn[2].splitlines()]
    of_nodes = _table(
        ("name, after `system/NODE/`", "unit", "from Ray's answer"),
        [(f"`{name}`", unit, f"`{source}`") for name, unit, source in rows],
    )
    parts = (_prose(_METRICS), of_nodes, _prose(_SUMMARY), _table(("name", "is"), _usage_rows()))
    return "\n\n".join(parts)


def _usage_rows() -> list[tuple[str, str]]:
    """Ask for the metrics of a summary that holds one of everything."""
    gpu = _filled(usage.GpuUsage, node="NODE", gpu="gpu_<i>")
    node = _filled(usage.NodeUsage, node="NODE")
    whole = _filled(usage.UsageSummary, gpus=(gpu,), nodes=(node,))
    about = {**_described(usage.UsageSummary), "cost": "What the workers cost."}
    about |= {"samples": "Times at which the nodes were looked at."}
    about |= {"samples_missed": "Times at which they could not be."}
    rows = []
    for name in usage_metrics(whole):
        field = re.sub(r"^usage/(NODE/)?(gpu_<i>_)?", "", name)
        source = usage.GpuUsage if "gpu_<i>" in name else usage.NodeUsage
        told = _described(source).get(field, "") if "NODE" in name else about.get(field, "")
        rows.append((f"`{name}`", told))
    return rows


def _filled(cls: type, **values: Any) -> Any:
    """Make a value whose numbers are all one."""
    simple = {"str": "", "int": 1, "float": 1.0, "bool": False}
    given = {f.name: simple.get(str(f.type).split(" | ")[0], ()) for f in dataclasses.fields(cls)}
    return cls(**{**given, **values})


def main() -> int:
    """Write the pages."""
    PAGES.mkdir(exist_ok=True)
    for name, text in pages().items():
        (PAGES / name).write_text(text, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
