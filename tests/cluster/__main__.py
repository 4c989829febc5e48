"""``python -m tests.cluster build|up|down|status|kubeconfig|shell|logs``."""

from __future__ import annotations

import argparse
import os
import sys

from tests.cluster import building, front
from tests.cluster.errors import ClusterToolError


def main() -> int:
    """Do what the command line says; 2 for what can't be done."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster", description=__doc__)
    parser.add_argument("--name", default=front.DEFAULT_NAME, help="which cluster")
    verbs = parser.add_subparsers(dest="verb", required=True)
    verbs.add_parser("build", help="build what is missing")
    up = verbs.add_parser("up", help="build what is missing, and start it")
    up.add_argument(
        "--port", type=int, default=0, help="port of 127.0.0.1; any free one if not given"
    )
    verbs.add_parser("down", help="end it; nothing of it is left but its logs")
    verbs.add_parser("status", help="say whether it runs and is well")
    kubeconfig = verbs.add_parser("kubeconfig", help="print the path of a user's kubeconfig")
    kubeconfig.add_argument("user", nargs="?", default="admin")
    verbs.add_parser("shell", help="open a shell inside")
    verbs.add_parser("logs", help="name the logs and print the last lines of each")
    args = parser.parse_args()
    try:
        return _do(args)
    except ClusterToolError as exc:
        sys.stderr.write(f"error: {exc}\n")
        return 2


def _do(args: argparse.Namespace) -> int:
    if args.verb == "build":
        building.build_all()
    elif args.verb == "up":
        cluster = front.up(args.name, port=args.port)
        sys.stdout.write(f"export KUBECONFIG={cluster.kubeconfig()}\n")
    elif args.verb == "down":
        front.down(args.name)
    elif args.verb == "logs":
        _print_logs(args.name)
    else:
        cluster = front.find(args.name)
        if args.verb == "kubeconfig":
            sys.stdout.write(f"{cluster.kubeconfig(args.user)}\n")
        elif args.verb == "status":
            is_well = cluster.is_well()
            sys.stdout.write(f"{cluster.server} {'is well' if is_well else 'is not well'}\n")
            return 0 if is_well else 1
        else:
            words = ["nsenter", "-t", str(front.init_pid(args.name)), "-m", "-n", "-p"]
            env = {
                **os.environ,
                "KUBECONFIG": str(cluster.layout.kubeconfig_dir / "super-admin.conf"),
            }
            os.execvpe(words[0], [*words, os.environ.get("SHELL", "/bin/sh")], env)
    return 0


def _print_logs(name: str) -> None:
    for path in sorted(front.log_dir(name).rglob("*.log")):
        lines = path.read_text("utf-8", errors="replace").splitlines()
        sys.stdout.write("\n".join([f"== {path}", *lines[-10:], ""]) + "\n")


if __name__ == "__main__":
    sys.exit(main())
