"""The verbs, defined once: magics, command line, completion and help all read this grammar.

Loading it costs a few milliseconds: it knows words, not what they do.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any, NoReturn

from rayspace.errors import UsageError
from rayspace.names import nearest
from rayspace.units import parse_duration
from rayspace.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

#: What an argument names, for completion.
CLUSTER, JOB, PROFILE, NOTEBOOK, FILE, TARGET = (
    "cluster",
    "job",
    "profile",
    "notebook",
    "file",
    "target",
)
#: Verbs under another name.
ALIASES = {"cancel": "stop"}
_PAIR_FLAGS = ("-p", "--param")


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


def _names(action: argparse.Action, kind: str) -> argparse.Action:
    """Note what the argument names, so that completion can offer it."""
    action.kind = kind  # type: ignore[attr-defined]  # argparse has no place of its own
    return action


def _duration(text: str) -> float:
    return parse_duration(text)


def _pair(text: str) -> tuple[str, str]:
    name, found, value = text.partition("=")
    if not found or not name:
        message = f"{text!r} is not NAME=VALUE"
        raise argparse.ArgumentTypeError(message)
    return name, value


def _add_json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON, with stable names")


def _verb(verbs: Any, name: str, text: str, *, examples: str = "") -> Parser:
    parser: Parser = verbs.add_parser(name, help=text, description=text, epilog=examples)
    _add_json(parser)
    return parser


def _cluster_name(parser: Parser, *, required: bool = False) -> None:
    action = parser.add_argument(
        "name",
        metavar="NAME",
        nargs=None if required else "?",
        help="the cluster" if required else "the cluster; by default the chosen one",
    )
    _names(action, CLUSTER)


def _job_name(parser: Parser) -> None:
    action = parser.add_argument(
        "name", metavar="JOB", nargs="?", help="the job; by default the newest"
    )
    _names(action, JOB)


def _waiting(parser: Parser, *, default: bool, what: str, timeout: bool = True) -> None:
    parser.add_argument(
        "--wait",
        action=argparse.BooleanOptionalAction,
        default=default,
        help=f"return only when {what}",
    )
    if timeout:
        parser.add_argument(
            "--wait-timeout", type=_duration, metavar="10m", help="how long to wait", default=None
        )


def _env(parser: Parser) -> None:
    parser.add_argument(
        "--env",
        action="append",
        type=_pair,
        default=[],
        metavar="NAME=VALUE",
        help="an environment variable; not for secrets; may be given again",
    )


def cluster_parser(prog: str) -> Parser:
    """Build the grammar of ``%ray_cluster`` and ``rayspace cluster``."""
    parser = Parser(prog=prog, description="Start, watch and end Ray clusters.")
    _add_json(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)

    _verb(verbs, "list", "list your clusters")

    up = _verb(
        verbs,
        "up",
        "start a cluster, or find the one that runs already",
        examples=f"example: {prog} up laptop --workers 1 --memory 2GiB",
    )
    _names(up.add_argument("profile", metavar="PROFILE", nargs="?", help="what to start"), PROFILE)
    up.add_argument("--name", help="its name; by default the profile's")
    _names(up.add_argument("--on", dest="target", metavar="TARGET", help="where"), TARGET)
    up.add_argument("--workers", type=int, metavar="N", help="workers beside the head")
    up.add_argument("--cpus", type=float, metavar="N", help="CPUs of each worker, else of the head")
    up.add_argument("--memory", metavar="8GiB", help="memory of each worker, else of the head")
    up.add_argument("--gpus", type=int, metavar="N", help="GPUs of each worker, else of the head")
    up.add_argument(
        "--dashboard-port", type=int, metavar="PORT", help="a fixed port; by default a free one"
    )
    _env(up)
    _waiting(up, default=True, what="it can be used")
    up.add_argument("--dry-run", action="store_true", help="only say what would be started")

    for name, text in (
        ("status", "say how a cluster is"),
        ("nodes", "list the nodes of a cluster and what they use"),
    ):
        _cluster_name(_verb(verbs, name, text))
    _cluster_name(
        _verb(verbs, "use", "choose the cluster that is meant from now on"), required=True
    )

    logs = _verb(verbs, "logs", "show the head's log")
    _cluster_name(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it is written")

    scale = _verb(verbs, "scale", "change the number of workers")
    _cluster_name(scale)
    scale.add_argument("--workers", type=int, metavar="N", required=True, help="workers")
    _waiting(scale, default=True, what="they have joined or left")

    _cluster_name(_verb(verbs, "connect", "attach this notebook by Ray Client"))
    _verb(verbs, "disconnect", "detach this notebook")

    down = _verb(verbs, "down", "end a cluster, its jobs first")
    _cluster_name(down)
    down.add_argument("--dry-run", action="store_true", help="only say what would be ended")

    adopt = _verb(verbs, "adopt", "take a Ray that somebody started by hand on record")
    adopt.add_argument("name", metavar="NAME", nargs="?", help="name to give it")
    adopt.add_argument("--address", default="", metavar="URL", help="its dashboard")

    _verb(verbs, "profiles", "list what can be started, and which file says so")
    _verb(verbs, "doctor", "look for what could keep clusters and jobs from working")
    return parser


def job_parser(prog: str) -> Parser:
    """Build the grammar of ``%ray_job`` and ``rayspace job``."""
    parser = Parser(prog=prog, description="Ship notebooks, and get them back executed.")
    _add_json(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)

    _verb(verbs, "list", "list jobs, the newest first")

    submit = _verb(
        verbs,
        "submit",
        "ship a notebook; it runs on its own from then on",
        examples=f"example: {prog} submit train.ipynb -p lr 0.1 -p layers '[64, 32]'",
    )
    _names(
        submit.add_argument("notebook", metavar="NOTEBOOK", nargs="?", help="the notebook"),
        NOTEBOOK,
    )
    submit.add_argument(
        *_PAIR_FLAGS,
        dest="param",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a value for a parameter of the notebook; may be given again",
    )
    _names(
        submit.add_argument("--params-file", metavar="FILE", help="YAML or JSON with more of them"),
        FILE,
    )
    _names(submit.add_argument("--cluster", metavar="NAME", help="a running cluster"), CLUSTER)
    _names(submit.add_argument("--profile", metavar="P", help="start this if need be"), PROFILE)
    submit.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="files that travel although they are ignored; may be given again",
    )
    _env(submit)
    submit.add_argument("--deadline", type=_duration, metavar="2h", help="longest time for the job")
    submit.add_argument("--cell-timeout", type=_duration, metavar="30m", help="longest for a cell")
    _waiting(submit, default=False, what="the job has ended", timeout=False)
    submit.add_argument("--dry-run", action="store_true", help="list the files that would travel")

    for name, text in (
        ("status", "say where a job stands"),
        ("open", "fetch a job's results and open its page"),
        ("fetch", "bring a job's results beside its source"),
        ("stop", "stop a job; it saves what it has"),
    ):
        _job_name(_verb(verbs, name, text))

    logs = _verb(verbs, "logs", "show a job's log")
    _job_name(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")

    retry = _verb(verbs, "retry", "run an ended job once more, from what its run holds")
    _job_name(retry)
    _names(retry.add_argument("--cluster", metavar="NAME", help="a running cluster"), CLUSTER)
    _waiting(retry, default=False, what="the job has ended", timeout=False)
    return parser


def command_parser() -> Parser:
    """Build the grammar of the ``rayspace`` command, without what follows cluster and job."""
    parser = Parser(
        prog="rayspace",
        description="The data scientist's workspace on Ray.",
        epilog="rayspace VERB --help says more. Exit codes: 0 done, 1 failed, 2 asked wrongly, "
        "130 stopped.",
    )
    parser.add_argument(
        "--version", action="version", version=f"rayspace {__version__}", help="show the version"
    )
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)
    for name, text in (
        ("cluster", "start, watch and end Ray clusters"),
        ("job", "ship notebooks, and get them back executed"),
    ):
        verbs.add_parser(name, help=text)
    demo = _verb(
        verbs, "demo", "the whole path in a minute: start Ray, ship a notebook, see the run"
    )
    demo.add_argument(
        "--directory", default="rayspace-demo", metavar="DIR", help="where to put what it makes"
    )
    _verb(verbs, "doctor", "look for what could keep clusters and jobs from working")
    return parser


def split_pairs(words: Sequence[str]) -> tuple[list[str], list[tuple[str, str]]]:
    """Take ``-p NAME VALUE`` out of a line, since a value may begin with a dash.

    Parameters
    ----------
    words
        The words of the line.

    Returns
    -------
    tuple of list and list
        The other words, and the pairs.

    Raises
    ------
    UsageError
        If a name or a value is missing.
    """
    rest: list[str] = []
    pairs: list[tuple[str, str]] = []
    queue = list(words)
    while queue:
        word = queue.pop(0)
        if word not in _PAIR_FLAGS:
            rest.append(word)
            continue
        if len(queue) < 2:
            raise UsageError(f"{word} needs a name and a value.", hint="Write: -p lr 0.1")
        pairs.append((queue.pop(0), queue.pop(0)))
    return rest, pairs


def parse(
    parser: Parser, words: Sequence[str], *, default_verb: str = "list"
) -> argparse.Namespace:
    """Read a line.

    Parameters
    ----------
    parser
        The grammar.
    words
        The words of the line.
    default_verb
        The verb where none is given; empty where there must be one.

    Returns
    -------
    argparse.Namespace
        What was asked.

    Raises
    ------
    UsageError
        If the line does not fit.
    HelpRequested
        If it asks for help.
    """
    wants_help = any(word in {"-h", "--help"} for word in words)
    rest, pairs = (list(words), []) if wants_help else split_pairs(words)
    for index, word in enumerate(rest):
        if not word.startswith("-"):
            rest[index] = ALIASES.get(word, word)
            break
    known = verbs_of(parser)
    first = next((word for word in rest if not word.startswith("-")), "")
    if first and first not in known:
        like = nearest(first, known)
        raise UsageError(
            f"There is no verb {first!r}.",
            hint=f"Did you mean {' or '.join(like)}?" if like else f"It has: {', '.join(known)}",
            details={"verb": first, "known": known},
        )
    # Given before the verb it would be overwritten by the verb's own default.
    as_json = "--json" in rest
    args, unknown = parser.parse_known_args([word for word in rest if word != "--json"])
    if unknown:
        verb = verb_parsers(parser).get(first, parser)
        options = [text for action in verb._actions for text in action.option_strings]  # noqa: SLF001
        like = nearest(unknown[0], options)
        raise UsageError(
            f"{verb.prog} does not take {unknown[0]!r}.",
            hint=f"Did you mean {' or '.join(like)}?" if like else f"See: {verb.prog} --help",
            details={"unknown": unknown},
        )
    args.json = as_json
    args.verb = args.verb or default_verb
    if not args.verb:
        raise UsageError("No verb was given.", hint=f"It has: {', '.join(known)}")
    if pairs:
        if not hasattr(args, "param"):
            raise UsageError("Only submit takes -p.", hint=f"See: {parser.prog} submit --help")
        args.param = [*args.param, *pairs]
    return args


def verbs_of(parser: argparse.ArgumentParser) -> list[str]:
    """List the verbs of a grammar."""
    return list(verb_parsers(parser))


def verb_parsers(parser: argparse.ArgumentParser) -> dict[str, Parser]:
    """Return the grammar of each verb."""
    for action in parser._actions:  # noqa: SLF001  argparse offers no other way
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            return dict(action.choices)
    return {}
