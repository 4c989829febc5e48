"""``%ray_cluster`` and ``%ray_job``: the verbs in IPython and notebooks.

Registering them loads the grammar and nothing else: what a verb needs is loaded when it is used.
"""

from __future__ import annotations

import functools
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from IPython.core.completer import SimpleCompletion, context_matcher
from IPython.core.magic import Magics, line_magic, magics_class, no_var_expand

from rayspace import displays, grammar, tracking_env
from rayspace.completion import complete
from rayspace.errors import RayspaceError, UsageError
from rayspace.line_results import Fate, fate_of_result
from rayspace.line_words import words_of
from rayspace.model.progress import Stage
from rayspace.names_here import names_of_kind

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from IPython.core.completer import CompletionContext, SimpleMatcherResult
    from IPython.core.interactiveshell import InteractiveShell

    from rayspace.grammar import Parser
    from rayspace.model.problem import Problem
    from rayspace.model.progress import Report
    from rayspace.present.reporters import Reporter
    from rayspace.present.widgets import CellOutputs
    from rayspace.usage_verbs import Frames

_PARSERS = {"ray_cluster": grammar.cluster_parser, "ray_job": grammar.job_parser}


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """Register the magics, their completion, and how values are shown.

    Parameters
    ----------
    ipython
        The shell.
    """
    ipython.register_magics(RayMagics)
    if ipython.display_formatter is not None:
        displays.register(ipython.display_formatter)
    matchers = ipython.Completer.custom_matchers
    if _matcher not in matchers:
        matchers.append(_matcher)


@context_matcher(identifier="rayspace")  # type: ignore[untyped-decorator]
def _matcher(context: CompletionContext) -> SimpleMatcherResult:
    line = context.line_with_cursor[: context.cursor_position].lstrip()
    for name, make in _PARSERS.items():
        for start in (f"%{name} ", f"{name} "):
            if line.startswith(start):
                found = complete(make(f"%{name}"), line[len(start) :], names_of_kind)
                return {
                    "completions": [SimpleCompletion(text=text, type="magic") for text in found],
                    "suppress": True,
                }
    return {"completions": []}


@magics_class
class RayMagics(Magics):
    """The magics."""

    @no_var_expand
    @line_magic
    def ray_cluster(self, line: str) -> Any:
        """Start, watch and end Ray clusters; %ray_cluster --help says how.

        ``state = %ray_cluster status`` keeps the value that the line would show.
        """
        return self._run("ray_cluster", line)

    @no_var_expand
    @line_magic
    def ray_job(self, line: str) -> Any:
        """Ship notebooks, and get them back executed; %ray_job --help says how.

        ``job = %ray_job submit train.ipynb`` keeps the value that the line would show.
        """
        return self._run("ray_job", line)

    def _run(self, magic: str, line: str) -> Any:
        from rayspace.present.reporters import Reporter

        parser: Parser = _PARSERS[magic](f"%{magic}")
        reporter = Reporter()
        verb = name = ""
        try:
            args = grammar.parse(parser, words_of(line, self.shell.user_ns if self.shell else {}))
            verb, name = args.verb, getattr(args, "name", None) or ""
            reporter = self._reporter(args)
            return self._perform(magic, args, reporter)
        except grammar.HelpRequested as exc:
            sys.stdout.write(str(exc))
            return None
        except RayspaceError as exc:
            raise _for_people(exc, reporter.told) from None
        except KeyboardInterrupt as exc:
            from rayspace.present.words import in_notebook_words, stopped_text

            goes_on = stopped_text(magic.removeprefix("ray_"), verb, name)
            text = in_notebook_words(f"Stopped. {goes_on}".strip())
            exc._render_traceback_ = lambda: [text]  # type: ignore[attr-defined]
            raise

    def _perform(self, magic: str, args: argparse.Namespace, reporter: Reporter) -> Any:
        from rayspace import usage_verbs, verbs
        from rayspace.app import current_app
        from rayspace.loop import iterate, run

        app = current_app()
        is_own = magic == "ray_job" and args.verb == "submit" and args.notebook is None
        if is_own:
            args.notebook = _own_notebook(app.environ.get("RAYSPACE_NOTEBOOK", ""))
        with reporter as report:
            if is_own and not app.is_inside_job:
                report(Stage("own", f"Ships {args.notebook} as it was saved last", "note"))
            if magic == "ray_cluster" and args.verb in _OF_THIS_PROCESS:
                result = _OF_THIS_PROCESS[args.verb](args, report)
            else:
                table = verbs.CLUSTER_VERBS if magic == "ray_cluster" else verbs.JOB_VERBS
                result = run(verbs.perform(table, app, args, report))
            if magic == "ray_cluster" and args.verb in {"up", "use", "adopt"}:
                _activate(result, report)
            if magic == "ray_cluster":
                tracking_env.follow(app, args.verb, result, report)
        if isinstance(result, usage_verbs.Frames):
            return self._go_on(result, args, is_inside_job=app.is_inside_job)
        if isinstance(result, verbs.Lines):
            for piece in iterate(result.pieces):
                sys.stdout.write(piece + ("\n" if result.by_line else ""))
            return None
        return None if result is None else _hand_over(result, as_json=args.json)

    def _go_on(self, frames: Frames, args: argparse.Namespace, *, is_inside_job: bool) -> Any:
        from rayspace.loop import run

        if is_inside_job:
            # Nobody watches a job's page, and the cells below have to run.
            return _hand_over(run(frames.looker.look()), as_json=args.json)
        if hasattr(self.shell, "kernel") and not args.json:
            from rayspace.present.usage_widget import show_live

            show_live(frames)
            return None
        from rich.console import Console

        from rayspace.present.usage_live import show_frames

        console = Console(highlight=False, force_jupyter=False)
        show_frames(frames, console, as_json=args.json)
        return None

    @functools.cached_property
    def _cell_outputs(self) -> CellOutputs:
        """What is shown of long verbs; pages may ask for it once more from then on."""
        from rayspace.present.widgets import COMM_TARGET, CellOutputs

        outputs = CellOutputs()
        kernel = getattr(self.shell, "kernel", None)
        if kernel is not None:
            kernel.comm_manager.register_target(COMM_TARGET, outputs.answer)
        return outputs

    def _reporter(self, args: argparse.Namespace) -> Reporter:
        from rayspace.app import current_app
        from rayspace.present.reporters import PlainReporter, Reporter, reporter_for
        from rayspace.present.rows import PlainConsole

        if args.json:
            return Reporter()
        # A widget of a job would be a live thing in a page that nobody runs, and its image need
        # not have rich.
        if current_app().is_inside_job:
            return PlainReporter(PlainConsole(sys.stdout))
        if hasattr(self.shell, "kernel"):
            from rayspace.present.widgets import CellReporter
            from rayspace.present.words import LASTING

            return CellReporter(self._cell_outputs, is_long=args.verb in LASTING)
        from rich.console import Console

        return reporter_for(Console(highlight=False, force_jupyter=False))


def _connect(args: argparse.Namespace, report: Report) -> Any:
    from rayspace.app import current_app
    from rayspace.faces import clusters
    from rayspace.grammar_arguments import where

    return clusters.connect(args.name, target=where(current_app(), args), report=report)


def _disconnect(args: argparse.Namespace, report: Report) -> Any:
    from rayspace.faces import clusters

    clusters.disconnect(report=report)


def _down(args: argparse.Namespace, report: Report) -> Any:
    from rayspace.app import current_app
    from rayspace.faces import clusters
    from rayspace.grammar_arguments import where

    target = where(current_app(), args)
    return clusters.down(
        args.name, dry_run=args.dry_run, force=args.force, target=target, report=report
    )


def _track(args: argparse.Namespace, report: Report) -> Any:
    from rayspace.tracked.faces import track

    return track(args.experiment, cluster=args.cluster, name=args.run_name, report=report)


def _untrack(args: argparse.Namespace, report: Report) -> Any:
    from rayspace.tracked.faces import untrack

    return untrack(is_failed=args.failed, report=report)


#: Verbs that concern this very process, which a terminal has not.
_OF_THIS_PROCESS = {
    "connect": _connect,
    "disconnect": _disconnect,
    "down": _down,
    "track": _track,
    "untrack": _untrack,
}


def _activate(result: Any, report: Report) -> None:
    from rayspace import attach
    from rayspace.app import current_app
    from rayspace.model.cluster import ClusterState

    # A plan is no cluster, and a job is attached to its own.
    if not isinstance(result, ClusterState) or current_app().is_inside_job:
        return
    other = attach.activate(result)
    if other:
        text = (
            f"Ray in this session stays connected to {other}. To switch to {result.name}: "
            f"%ray_cluster disconnect, then %ray_cluster use {result.name}"
        )
        report(Stage("attach", text, "note"))


def _own_notebook(own: str) -> str:
    """Return the path of the notebook that this kernel belongs to."""
    # Set by Jupyter Server for every kernel that a notebook starts.
    for candidate in (own, os.environ.get("JPY_SESSION_NAME", "")):
        for path in (Path(candidate), Path(candidate).name):
            if candidate.endswith(".ipynb") and Path(path).is_file():
                return str(path)
    raise UsageError(
        "This session does not say which notebook it belongs to.",
        hint="Name it: %ray_job submit NOTEBOOK.ipynb",
    )


def _for_people(error: RayspaceError, told: Sequence[Problem]) -> RayspaceError:
    """Show an error as its sentence and its advice, with the magics' own words.

    What stands on a card right above it already is not said twice.
    """
    from rayspace.present.words import in_notebook_words

    message, hint = error.message, error.hint
    for problem in told:
        message = message.replace(problem.summary, "").strip()
        hint = hint.replace(problem.hint, "").strip()
    if told:
        message = f"{message} Why, and what to do, stands above.".lstrip()
    lines = [f"{type(error).__name__}: {message}"]
    if hint:
        lines.append(in_notebook_words(hint))
    error._render_traceback_ = lambda: lines  # type: ignore[attr-defined]
    return error


def _hand_over(value: Any, *, as_json: bool) -> Any:
    """Show a result if nobody else will, and return it to whoever goes on with it."""
    import json

    from IPython.display import display

    from rayspace.model.wire import to_wire
    from rayspace.verbs import Listing

    if as_json:
        wire = {value.kind: to_wire(value.items)} if isinstance(value, Listing) else to_wire(value)
        sys.stdout.write(json.dumps(wire, indent=2) + "\n")
        return None
    fate = fate_of_result()
    if fate is Fate.DROPPED:
        display(value)
    # A listing knows more to show than its items, which are what a program wants.
    return list(value.items) if fate is Fate.USED and isinstance(value, Listing) else value
