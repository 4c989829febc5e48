"""The ``rayspace`` command: the same verbs as the magics, in a terminal.

Exit codes: 0 done, 1 failed, 2 asked wrongly, 130 stopped. Results go to the standard output,
progress and errors to the standard error; with ``--json`` the output is one JSON value.
"""

from __future__ import annotations

import argparse
import atexit
import gc
import json
import os
import sys
from typing import TYPE_CHECKING, Any

from rayspace import grammar
from rayspace.errors import RayspaceError, UsageError
from rayspace.garbage import collect_seldom
from rayspace.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

_NOUNS = {"cluster": grammar.cluster_parser, "job": grammar.job_parser}
EXIT_DONE, EXIT_FAILED, EXIT_WRONG, EXIT_STOPPED = 0, 1, 2, 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Parameters
    ----------
    argv
        Its words; by default those of the process.

    Returns
    -------
    int
        The exit code. [1]
    """
    if "_ARGCOMPLETE" in os.environ:
        return _complete()
    if argv is None:
        collect_seldom()
        # Nor at its end.
        atexit.register(gc.freeze)
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = _asks_for_json(words)
    noun, args = "", argparse.Namespace()
    try:
        if [word for word in words if word != "--json"] == ["--version"]:
            sys.stdout.write(f"rayspace {__version__}\n")
            return EXIT_DONE
        noun, args = _asked(words, as_json=as_json)
        return _perform(noun, args)
    except grammar.HelpRequested as exc:
        sys.stdout.write(str(exc))
        return EXIT_DONE
    except RayspaceError as exc:
        _show_error(exc, as_json=as_json)
        return exc.exit_code
    except KeyboardInterrupt:
        _stopped(noun, args, as_json=as_json)
        return EXIT_STOPPED
    except BrokenPipeError:
        # The reader has gone, as `head` does; whatever is left has nowhere to go.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_DONE


def _asks_for_json(words: list[str]) -> bool:
    try:
        # Not where it is the value of a parameter.
        return "--json" in grammar.split_pairs(words)[0]
    except UsageError:
        return "--json" in words


def _asked(words: list[str], *, as_json: bool) -> tuple[str, argparse.Namespace]:
    """Read the line: what it is about (empty for the product itself), and what is asked."""
    noun = next((word for word in words if word != "--json"), "")
    if noun in _NOUNS:
        words.remove(noun)
        # A program says what it wants.
        default_verb = "" if as_json else "list"
        parser = _NOUNS[noun](f"rayspace {noun}")
        return noun, grammar.parse(parser, words, default_verb=default_verb)
    parser = grammar.command_parser()
    if not words:
        raise grammar.HelpRequested(parser.format_help())
    return "", grammar.parse(parser, words, default_verb="")


def _perform(noun: str, args: argparse.Namespace) -> int:
    if args.verb == "demo":
        from rayspace.demo import demo

        return demo(args.directory, as_json=args.json)
    if args.verb == "mlflow":
        from rayspace.mlflow_pages import open_pages

        return open_pages(args)
    if args.verb == "image":
        from rayspace.image_command import build_of_line

        build = build_of_line(args)
        show_result(build, as_json=args.json)
        if not args.json:
            # Not in what a shell reads.
            sys.stderr.write("".join(f"{note}\n" for note in build.notes))
        return EXIT_DONE
    if args.verb == "doctor" and getattr(args, "fix", False):
        from rayspace.mending import mend

        mended = mend(args)
        show_result(mended, as_json=args.json)
        return exit_code_of(args, mended)
    from rich.console import Console

    from rayspace import verbs
    from rayspace.app import current_app
    from rayspace.loop import iterate, run
    from rayspace.present.reporters import Reporter, reporter_for
    from rayspace.usage_verbs import Frames

    app = current_app()
    console = Console(stderr=True, highlight=False)
    reporter = Reporter() if args.json else reporter_for(console)
    table = verbs.JOB_VERBS if noun == "job" else verbs.CLUSTER_VERBS
    with reporter:
        result = run(verbs.perform(table, app, args, reporter))
    if isinstance(result, Frames):
        from rayspace.present.usage_live import show_frames

        show_frames(result, Console(highlight=False), as_json=args.json)
        return EXIT_DONE
    if isinstance(result, verbs.Lines):
        for piece in iterate(result.pieces):
            _write_piece(piece, result, as_json=args.json)
        return EXIT_DONE
    show_result(result, as_json=args.json)
    return exit_code_of(args, result)


def show_result(result: Any, *, as_json: bool) -> None:
    """Print what a verb gave back."""
    from rayspace.model.wire import to_wire
    from rayspace.verbs import Listing

    if as_json:
        value = {result.kind: to_wire(result.items)} if isinstance(result, Listing) else None
        value = to_wire(result) if value is None else value
        sys.stdout.write(json.dumps(value, indent=2) + "\n")
        return
    from rich.console import Console

    from rayspace.present.text import show

    show(result, Console(highlight=False))


def exit_code_of(args: argparse.Namespace, result: Any) -> int:
    """Say whether a verb that was waited for succeeded."""
    from rayspace.model.job import JobPhase, JobState
    from rayspace.verbs import Listing

    if isinstance(result, JobState) and getattr(args, "wait", False):
        return EXIT_DONE if result.phase is JobPhase.SUCCEEDED else EXIT_FAILED
    if isinstance(result, Listing) and result.kind == "checks":
        return EXIT_FAILED if any(c.state == "problem" for c in result.items) else EXIT_DONE
    return EXIT_DONE


def _write_piece(piece: str, lines: Any, *, as_json: bool) -> None:
    text = json.dumps({"text": piece}) if as_json else piece
    sys.stdout.write(text + ("\n" if as_json or lines.by_line else ""))
    sys.stdout.flush()


def _show_error(error: RayspaceError, *, as_json: bool) -> None:
    if as_json:
        sys.stdout.write(json.dumps(error.to_wire(), indent=2, default=str) + "\n")
        return
    from rich.console import Console

    from rayspace.present.text import show_error

    show_error(error, Console(stderr=True, highlight=False))


def _stopped(noun: str, args: argparse.Namespace, *, as_json: bool) -> None:
    from rayspace.present.words import stopped_text

    goes_on = stopped_text(noun, getattr(args, "verb", ""), getattr(args, "name", None) or "")
    error = UsageError("Stopped.", hint=goes_on)
    if as_json:
        wire = {**error.to_wire(), "code": "stopped"}
        sys.stdout.write(json.dumps(wire, indent=2) + "\n")
    else:
        sys.stderr.write(f"\n{error}\n")


def _complete() -> int:
    """Answer a shell that completes a line, in argcomplete's protocol."""
    from argcomplete.finders import CompletionFinder

    from rayspace.completion import complete
    from rayspace.names_here import names_of_kind

    class Finder(CompletionFinder):
        def _get_completions(self, comp_words: Any, cword_prefix: Any, *args: Any) -> list[str]:
            words = [str(word) for word in comp_words[1:]]
            line = " ".join([*words, cword_prefix])
            noun, _, rest = line.partition(" ")
            if noun == "cluster" and " " in line:
                return complete(grammar.cluster_parser("cluster"), rest, names_of_kind)
            if noun == "job" and " " in line:
                return complete(grammar.job_parser("job"), rest, names_of_kind)
            return complete(grammar.command_parser(), line, names_of_kind)

    Finder()(grammar.command_parser())
    return EXIT_DONE


if __name__ == "__main__":
    sys.exit(main())
