"""The verbs, defined once: magics, command line, completion and help all read this grammar.

Loading it costs a few milliseconds: it knows words, not what they do.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from rayspace.errors import UsageError
from rayspace.grammar_arguments import (
    CLUSTER,
    FILE,
    JOB,
    NOTEBOOK,
    PAIR_FLAGS,
    PROFILE,
    TARGET,
    HelpRequested,
    Parser,
    add_verb,
    add_where,
)
from rayspace.grammar_clusters import cluster_parser
from rayspace.grammar_image import add_image
from rayspace.grammar_jobs import job_parser
from rayspace.names import nearest
from rayspace.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "ALIASES",
    "CLUSTER",
    "FILE",
    "JOB",
    "NOTEBOOK",
    "PROFILE",
    "TARGET",
    "HelpRequested",
    "Parser",
    "cluster_parser",
    "command_parser",
    "job_parser",
    "parse",
    "split_pairs",
    "verb_parsers",
    "verbs_of",
]

#: Verbs under another name.
ALIASES = {"cancel": "stop"}


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
    demo = add_verb(
        verbs, "demo", "the whole path in a minute: start Ray, ship a notebook, see the run"
    )
    demo.add_argument(
        "--directory", default="rayspace-demo", metavar="DIR", help="where to put what it makes"
    )
    doctor = add_verb(
        verbs,
        "doctor",
        "look for what could keep clusters and jobs from working: on this machine, or on a target",
    )
    add_where(doctor)
    doctor.add_argument(
        "--fix", action="store_true", help="show what would bring MLflow to a target, and apply it"
    )
    doctor.add_argument("--yes", action="store_true", help="apply it without a question")
    doctor.add_argument(
        "--mlflow-image",
        metavar="I",
        help="image of MLflow for --fix, where the cluster can't pull that of ghcr.io",
    )
    mlflow = add_verb(
        verbs,
        "mlflow",
        "look at the runs in MLflow's own pages; by default those of where the chosen cluster is",
    )
    mlflow.add_argument("action", choices=("open",), help="open them in a browser, until Ctrl-C")
    add_where(mlflow)
    add_image(verbs)
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
        if word not in PAIR_FLAGS:
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
    try:
        rest, pairs = split_pairs(words)
    except UsageError:
        # Who asks for help in the middle of a pair.
        if {"-h", "--help"}.isdisjoint(words):
            raise
        rest, pairs = [word for word in words if word not in PAIR_FLAGS], []
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
