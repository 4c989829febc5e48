"""``rayspace doctor --on TARGET --fix``: show what would be applied, and apply it after a yes.

What is there already is never applied again: an administrator may have changed it, for instance so
that it asks for a name and a password.
"""

from __future__ import annotations

import asyncio
import sys
import time
from typing import TYPE_CHECKING

from rayspace.errors import GatewayTimeoutError, RefusedError, UsageError
from rayspace.model.target import LOCAL

if TYPE_CHECKING:
    import argparse

    from rayspace.app import App
    from rayspace.verbs import Listing

#: An image is pulled, and a volume is made. [s]
_PATIENCE_S = 300.0
#: What seldom passes by itself may still do so: a volume comes after its pod. [s]
_FAILURE_PATIENCE_S = 45.0
_UNTOUCHED = {
    "ok": "MLflow is there already: ",
    "refused": "MLflow is there already: ",
    "away": "MLflow does not answer: ",
    "unknown": "You may not look for MLflow: ",
}


def mend(args: argparse.Namespace) -> Listing:
    """Bring MLflow into a namespace that has none.

    Parameters
    ----------
    args
        The parsed line.

    Returns
    -------
    Listing
        What a doctor finds afterwards.

    Raises
    ------
    UsageError
        If no target on Kubernetes is named, or nobody can be asked.
    RefusedError
        If an administrator must do it.
    """
    from rayspace.app import current_app
    from rayspace.doctor_target import examine_target, look
    from rayspace.loop import run
    from rayspace.verbs import Listing

    app = current_app()
    target = named_target(app, args)
    if target == LOCAL:
        raise UsageError(
            "There is nothing on this machine that could be applied.",
            hint="Name a target: rayspace doctor --on TARGET --fix",
        )
    facts = run(look(app, target))
    if facts.tracking.state == "missing":
        _bring_mlflow(app, target, args, may_bring=facts.tracking.may_bring)
    elif facts.tracking.state == "unready":
        _wait_for_mlflow(app, target, args.mlflow_image or "")
    else:
        sys.stderr.write(f"{_UNTOUCHED.get(facts.tracking.state, '')}nothing was applied\n")
    return Listing("checks", tuple(run(examine_target(app, target))))


def named_target(app: App, args: argparse.Namespace, otherwise: str = "") -> str:
    """Return the target that a line names; for none another, or this machine."""
    if args.context or args.namespace:
        return app.target_of(args.target, args.context, args.namespace)
    return args.target or otherwise or LOCAL


def _bring_mlflow(app: App, target: str, args: argparse.Namespace, *, may_bring: bool) -> None:
    import yaml

    from rayspace.doctor_target import MLFLOW, apply_objects, mlflow_objects
    from rayspace.gateways.kube.namespace_look import MLFLOW_ROLE, RULES
    from rayspace.gateways.templates import templates_dir
    from rayspace.loop import run

    namespace = app.kube_client(target).target.namespace
    if not may_bring:
        kubectl = f"kubectl -n {namespace}"
        raise RefusedError(
            f"You may not bring MLflow into {namespace}.",
            hint=f"An administrator runs: {kubectl} apply -f {templates_dir() / MLFLOW}\n"
            f"or lets you: {kubectl} apply -f {templates_dir() / RULES} && {kubectl} create"
            f" rolebinding {MLFLOW_ROLE} --role={MLFLOW_ROLE} --user=NAME",
            details={"target": target, "namespace": namespace},
        )
    objects = mlflow_objects(args.mlflow_image or "")
    if not args.yes:
        if args.json or not sys.stdin.isatty():
            raise UsageError(
                "Nobody can be asked here.", hint="Add --yes to apply it all the same."
            )
        sys.stdout.write(yaml.safe_dump_all(objects, sort_keys=False))
        kinds = ", ".join(item["kind"] for item in objects)
        sys.stdout.write(f"\nApply this ({kinds}) to {namespace} of {target}? [y/N] ")
        sys.stdout.flush()
        if sys.stdin.readline().strip().lower() not in {"y", "yes"}:
            raise UsageError("Nothing was applied.")
    run(apply_objects(app, target, objects))
    sys.stderr.write(f"MLflow was applied to {namespace}\n")
    run(_until_ready(app, target))


def _wait_for_mlflow(app: App, target: str, image: str) -> None:
    from rayspace.doctor_target import change_image
    from rayspace.loop import run

    sys.stderr.write("MLflow is there, and not ready: nothing else was applied\n")
    if image:
        run(change_image(app, target, image))
        sys.stderr.write(f"It was given the image {image}\n")
    run(_until_ready(app, target))


async def _until_ready(app: App, target: str) -> None:
    """Wait, and tell what for."""
    from rayspace.core.tracking.mlflow_start import start_advice
    from rayspace.gateways.kube.tracking_look import mlflow_start

    client = app.kube_client(target)
    begun_s = time.monotonic()
    failing_since_s, told = 0.0, ""
    while not (state := await mlflow_start(client)).is_ready:
        now_s = time.monotonic()
        if state.text.partition(" (")[0] != told.partition(" (")[0]:
            sys.stderr.write(f"Waiting for MLflow: {state.text}\n")
        told = state.text
        failing_since_s = (failing_since_s or now_s) if state.is_failure else 0.0
        has_failed = failing_since_s and now_s - failing_since_s > _FAILURE_PATIENCE_S
        if has_failed or now_s - begun_s > _PATIENCE_S:
            raise GatewayTimeoutError(
                f"MLflow was not ready after {now_s - begun_s:.0f} s: {told}",
                system="MLflow",
                operation="start",
                hint=start_advice(told, target, client.target.namespace),
            )
        await asyncio.sleep(0.5)
