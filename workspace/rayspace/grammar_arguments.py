"""What lines are made of: the parser, and the arguments that several verbs share."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from rayspace.core.profiles.yaml_text import read_yaml_value
from rayspace.errors import UsageError
from rayspace.units import parse_duration

if TYPE_CHECKING:
    from rayspace.app import App

#: What an argument names, for completion.
CLUSTER, JOB, PROFILE, NOTEBOOK, FILE, TARGET = (
    "cluster",
    "job",
    "profile",
    "notebook",
    "file",
    "target",
)
PAIR_FLAGS = ("-p", "--param")


class HelpRequested(Exception):  # noqa: N818  not an error
    """Somebody asked for help; carries the text."""


class _Help(argparse.Action):
    def __call__(self, parser: argparse.ArgumentParser, *args: Any) -> NoReturn:
        raise HelpRequested(parser.format_help())


class Parser(argparse.ArgumentParser):
    """An argument parser that raises instead of printing and exiting."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("formatter_class", argparse.RawDescriptionHelpFormatter)
        kwargs |= {"add_help": False, "allow_abbrev": False}
        super().__init__(*args, **kwargs)
        self.add_argument(
            "-h", "--help", nargs=0, action=_Help, default=argparse.SUPPRESS, help="show this"
        )

    def error(self, message: str) -> NoReturn:
        """Raise `UsageError`."""
        sentence = message[:1].upper() + message[1:]
        raise UsageError(sentence.rstrip(".") + ".", hint=f"See: {self.prog} --help")


def naming(action: argparse.Action, kind: str) -> argparse.Action:
    """Note what the argument names, so that completion can offer it."""
    action.kind = kind  # type: ignore[attr-defined]  # argparse has no place of its own
    return action


def duration(text: str) -> float:
    """Read a duration. [s]"""
    return parse_duration(text)


def period(text: str) -> float:
    """Read a time between two looks, of a second or more. [s]"""
    period_s = parse_duration(text)
    if period_s < 1:
        message = f"{text!r} is less than a second"
        raise argparse.ArgumentTypeError(message)
    return period_s


def workers(text: str) -> tuple[int, int | None]:
    """Read ``N``, or ``MIN:MAX`` for workers that come by need. [1]"""
    fewest, found, most = text.partition(":")
    try:
        n_workers, max_workers = int(fewest), int(most) if found else None
    except ValueError as exc:
        message = f"{text!r} is no number of workers, nor MIN:MAX"
        raise argparse.ArgumentTypeError(message) from exc
    if max_workers is not None and not 0 <= n_workers <= max_workers:
        message = f"{text!r}: the fewest workers must not be more than the most"
        raise argparse.ArgumentTypeError(message)
    return n_workers, max_workers


def setting(text: str) -> tuple[str, Any]:
    """Read ``PATH=VALUE``, the value as YAML."""
    path, value = pair(text)
    return path, read_yaml_value(value, name=f"--set {path}", error=UsageError)


def pair(text: str) -> tuple[str, str]:
    """Read ``NAME=VALUE``."""
    name, found, value = text.partition("=")
    if not found or not name:
        message = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(message)
    return name, value


def add_json(parser: argparse.ArgumentParser) -> None:
    """Let a verb take ``--json``."""
    parser.add_argument("--json", action="store_true", help="print JSON, with stable names")


def add_verb(verbs: Any, name: str, text: str, *, examples: str = "") -> Parser:
    """Add a verb to a grammar."""
    parser: Parser = verbs.add_parser(name, help=text, description=text, epilog=examples)
    add_json(parser)
    return parser


def add_cluster_name(parser: Parser, *, required: bool = False) -> None:
    """Let a verb take the name of a cluster."""
    action = parser.add_argument(
        "name",
        metavar="NAME",
        nargs=None if required else "?",
        help="the cluster" if required else "the cluster; by default the chosen one",
    )
    naming(action, CLUSTER)


def add_force(parser: Parser) -> None:
    """Let a verb that changes a cluster take one that somebody else made, if it is named."""
    parser.add_argument("--force", action="store_true", help="also one that somebody else made")


def add_where(parser: Parser) -> None:
    """Let a verb take where it is about."""
    naming(parser.add_argument("--on", dest="target", metavar="TARGET", help="where"), TARGET)
    parser.add_argument("--context", metavar="C", help="a context of the kubeconfig")
    parser.add_argument("-n", "--namespace", metavar="NS", help="its namespace")


def where(app: App, args: argparse.Namespace) -> str | None:
    """Return the target that a line names by itself, or by its context; None for none.

    A context and a namespace that were never asked for become a target by that, which services
    that were taken from the app before do not know.
    """
    # A noun without a verb is a list, with none of its options.
    target = getattr(args, "target", None)
    context, namespace = getattr(args, "context", None), getattr(args, "namespace", None)
    if not context and not namespace:
        return str(target) if target else None
    return app.target_of(target, context, namespace)


def add_job_name(parser: Parser) -> None:
    """Let a verb take the name of a job."""
    action = parser.add_argument(
        "name", metavar="JOB", nargs="?", help="the job; by default the newest"
    )
    naming(action, JOB)


def add_waiting(parser: Parser, *, default: bool, what: str, timeout: bool = True) -> None:
    """Let a verb wait, or not."""
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=default,
        help=f"return only when {what}",
    )
    if timeout:
        parser.add_argument(
            "--wait-timeout", type=duration, metavar="10m", help="how long to wait", default=None
        )


def add_env(parser: Parser) -> None:
    """Let a verb take environment variables."""
    parser.add_argument(
        "--env",
        action="append",
        type=pair,
        default=[],
        metavar="NAME=VALUE",
        help="an environment variable; not for secrets; may be given again",
    )


def add_cluster_wishes(parser: Parser) -> None:
    """Let a verb take what a cluster shall be, on top of its profile."""
    parser.add_argument(
        "--workers",
        type=workers,
        metavar="N or MIN:MAX",
        help="workers beside the head; MIN:MAX by need, on Kubernetes",
    )
    parser.add_argument(
        "--cpus", type=float, metavar="N", help="CPUs of each worker, else of the head"
    )
    parser.add_argument("--memory", metavar="8GiB", help="memory of each worker, else of the head")
    parser.add_argument(
        "--gpus", type=int, metavar="N", help="GPUs of each worker, else of the head"
    )
    parser.add_argument("--gpu-type", metavar="T", help="product of the GPUs, on Kubernetes")
    parser.add_argument(
        "--image", metavar="I", help="image of the pods; by default the fitting one"
    )
    parser.add_argument(
        "--queue", metavar="Q", help="queue of Kueue in which it waits for its turn"
    )
    parser.add_argument(
        "--set",
        dest="settings",
        action="append",
        type=setting,
        default=[],
        metavar="PATH=VALUE",
        help="a raw field of the RayCluster; may be given again",
    )
