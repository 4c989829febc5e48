"""The grammar of ``%ray_cluster`` and ``rayspace cluster``."""

from __future__ import annotations

from rayspace.grammar_arguments import (
    CLUSTER,
    PROFILE,
    Parser,
    add_cluster_name,
    add_cluster_wishes,
    add_env,
    add_force,
    add_json,
    add_verb,
    add_waiting,
    add_where,
    duration,
    naming,
    period,
    workers,
)


def cluster_parser(prog: str) -> Parser:
    """Build the grammar of ``%ray_cluster`` and ``rayspace cluster``."""
    parser = Parser(prog=prog, description="Start, watch and end Ray clusters.")
    add_json(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)

    add_where(add_verb(verbs, "list", "list your clusters"))

    up = add_verb(
        verbs,
        "up",
        "start a cluster, or find the one that runs already",
        examples=f"example: {prog} up laptop --workers 1 --memory 2GiB",
    )
    naming(up.add_argument("profile", metavar="PROFILE", nargs="?", help="what to start"), PROFILE)
    up.add_argument("--name", help="its name; by default the profile's")
    add_where(up)
    add_cluster_wishes(up)
    up.add_argument(
        "--idle", type=duration, metavar="30m", help="suspend it after so long without activity"
    )
    up.add_argument(
        "--max-lifetime", type=duration, metavar="8h", help="suspend it after so long anyway"
    )
    up.add_argument(
        "--ready",
        choices=("head", "min", "all"),
        default="head",
        help="what is waited for on Kubernetes: the head, which can be used, also the fewest"
        " workers of each group, or all workers",
    )
    up.add_argument(
        "--force",
        action="store_true",
        help="try although it could never come up as things are; on Kubernetes also in place of"
        " your cluster of that name, if it is not ready",
    )
    up.add_argument(
        "--dashboard-port", type=int, metavar="PORT", help="a fixed port; by default a free one"
    )
    add_env(up)
    add_waiting(up, default=True, what="it can be used")
    up.add_argument("--dry-run", action="store_true", help="only say what would be started")

    for name, text in (
        ("status", "say how a cluster is"),
        ("why", "say why a cluster is not as it should be"),
        ("nodes", "list the nodes of a cluster and what they use"),
        ("suspend", "end the pods of a cluster; its description stays"),
    ):
        parser_of_verb = add_verb(verbs, name, text)
        add_cluster_name(parser_of_verb)
        add_where(parser_of_verb)
        if name == "suspend":
            add_force(parser_of_verb)
    gpus = add_verb(
        verbs,
        "gpus",
        "show what each node and each GPU is doing",
        examples=f"example: {prog} gpus --watch",
    )
    add_cluster_name(gpus)
    add_where(gpus)
    gpus.add_argument("--watch", action="store_true", help="go on, with the last minutes as lines")
    gpus.add_argument(
        "--interval", type=period, metavar="2s", default=2.0, help="time between two looks"
    )
    track = add_verb(
        verbs,
        "track",
        "record the nodes, and what this notebook logs, in one MLflow run (notebooks only)",
        examples=f"example: {prog} track churn; {prog} untrack",
    )
    track.add_argument(
        "experiment",
        metavar="EXPERIMENT",
        nargs="?",
        help="experiment of MLflow; by default that of the project's jobs",
    )
    naming(
        track.add_argument("--cluster", metavar="NAME", help="the cluster; by default the chosen"),
        CLUSTER,
    )
    track.add_argument("--name", dest="run_name", metavar="RUN", default="", help="name of the run")
    untrack = add_verb(
        verbs, "untrack", "end what track began, with a summary of the nodes; in a notebook only"
    )
    untrack.add_argument(
        "--failed", action="store_true", help="mark the run as failed, not as finished"
    )
    resume = add_verb(verbs, "resume", "bring a suspended cluster back")
    add_cluster_name(resume)
    add_where(resume)
    add_force(resume)
    add_waiting(resume, default=True, what="it can be used")
    extend = add_verb(verbs, "extend", "keep a cluster from suspending itself")
    extend.add_argument("duration", type=duration, metavar="2h", help="for so long from now")
    add_cluster_name(extend)
    add_where(extend)
    add_force(extend)
    use = add_verb(verbs, "use", "choose the cluster that is meant from now on")
    add_cluster_name(use, required=True)
    add_where(use)

    logs = add_verb(verbs, "logs", "show the head's log")
    add_cluster_name(logs)
    add_where(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="go on as it is written")

    scale = add_verb(verbs, "scale", "change the number of workers")
    add_cluster_name(scale)
    add_where(scale)
    scale.add_argument(
        "--workers", type=workers, metavar="N or MIN:MAX", required=True, help="workers"
    )
    scale.add_argument("--group", default="", metavar="G", help="the group; by default the first")
    add_force(scale)
    add_waiting(scale, default=True, what="they have joined or left")

    connect = add_verb(verbs, "connect", "attach this notebook by Ray Client; in a notebook only")
    add_cluster_name(connect)
    add_where(connect)
    add_verb(verbs, "disconnect", "detach this notebook; in a notebook only")

    down = add_verb(verbs, "down", "end a cluster, its jobs first")
    add_cluster_name(down)
    add_where(down)
    down.add_argument("--dry-run", action="store_true", help="only say what would be ended")
    add_force(down)

    adopt = add_verb(verbs, "adopt", "take what somebody started by hand as yours")
    add_where(adopt)
    adopt.add_argument("name", metavar="NAME", nargs="?", help="name to give it")
    adopt.add_argument("--address", default="", metavar="URL", help="its dashboard")

    profiles = add_verb(verbs, "profiles", "list what can be started, and which layer says so")
    add_where(profiles)
    add_verb(verbs, "targets", "list where clusters can be")
    limits = add_verb(
        verbs,
        "limits",
        "say what one cluster may ask for in a namespace",
        examples=f"for administrators: {prog} limits --on TARGET --policy | kubectl apply -f -",
    )
    add_where(limits)
    limits.add_argument(
        "--policy",
        action="store_true",
        help="print the policy with which Kubernetes itself refuses what goes beyond them",
    )
    add_verb(verbs, "doctor", "look for what could keep clusters and jobs from working")
    return parser
