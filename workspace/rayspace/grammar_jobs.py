"""The verbs of jobs."""

from __future__ import annotations

from rayspace.grammar_arguments import (
    CLUSTER,
    FILE,
    NOTEBOOK,
    PAIR_FLAGS,
    PROFILE,
    Parser,
    add_cluster_wishes,
    add_env,
    add_job_name,
    add_json,
    add_verb,
    add_waiting,
    add_where,
    duration,
    naming,
)


def job_parser(prog: str) -> Parser:
    """Build the grammar of ``%ray_job`` and ``rayspace job``."""
    parser = Parser(prog=prog, description="Ship notebooks, and get them back executed.")
    add_json(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", parser_class=Parser)

    add_where(add_verb(verbs, "list", "list jobs, the newest first"))

    submit = add_verb(
        verbs,
        "submit",
        "ship a notebook; it runs on its own from then on",
        examples=f"example: {prog} submit train.ipynb -p lr 0.1 -p layers '[64, 32]'",
    )
    naming(
        submit.add_argument(
            "notebook",
            metavar="NOTEBOOK",
            nargs="?",
            help="the notebook; in one by default itself, as it was saved",
        ),
        NOTEBOOK,
    )
    submit.add_argument(
        *PAIR_FLAGS,
        dest="param",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "VALUE"),
        help="a value for a parameter of the notebook; may be given again",
    )
    submit.add_argument(
        "--sweep",
        nargs=2,
        action="append",
        default=[],
        metavar=("NAME", "V1,V2,..."),
        help="run it with each of these values, all in one job; may be given again",
    )
    submit.add_argument(
        "--parallel", type=int, default=0, metavar="N", help="trials of a sweep at a time"
    )
    submit.add_argument(
        "--apart", action="store_true", help="each trial as a job with a cluster of its own"
    )
    submit.add_argument(
        "--again", action="store_true", help="run also trials that succeeded before"
    )
    naming(
        submit.add_argument("--params-file", metavar="FILE", help="YAML or JSON with more of them"),
        FILE,
    )
    naming(submit.add_argument("--cluster", metavar="NAME", help="a running cluster"), CLUSTER)
    naming(
        submit.add_argument(
            "--profile",
            metavar="P",
            help="start this if need be; on Kubernetes the job gets a cluster of its own like this,"
            " by default like cpu-small",
        ),
        PROFILE,
    )
    add_where(submit)
    add_cluster_wishes(submit)
    submit.add_argument(
        "--force", action="store_true", help="try although it could never come up as things are"
    )
    submit.add_argument(
        "--driver-cpus", type=float, default=0.0, metavar="N", help="CPUs for the notebook itself"
    )
    submit.add_argument(
        "--driver-gpus",
        type=float,
        default=0.0,
        metavar="N",
        help="GPUs for the notebook itself, which then runs where they are",
    )
    submit.add_argument(
        "--retries", type=int, default=0, metavar="N", help="run it anew so often when it fails"
    )
    submit.add_argument(
        "--keep-failed",
        type=duration,
        default=300.0,
        metavar="5m",
        help="how long its own cluster stays when it failed, to look inside",
    )
    submit.add_argument(
        "--start-deadline",
        type=duration,
        default=3600.0,
        metavar="1h",
        help="how long its own cluster may take to come up, not counting a queue",
    )
    submit.add_argument(
        "--include",
        action="append",
        default=[],
        metavar="GLOB",
        help="files that travel although they are ignored; may be given again",
    )
    submit.add_argument(
        "--packages",
        choices=("auto", "image", "sync"),
        default="auto",
        help="what the image lacks is installed (auto), is an error (image), or is installed in"
        " the versions that you have (sync)",
    )
    submit.add_argument(
        "--sampled-gpus",
        choices=("all", "mine"),
        help="GPUs that the run is told of: all of the cluster, or those that the job holds; by"
        " default as the cluster or the settings say",
    )
    add_env(submit)
    submit.add_argument("--deadline", type=duration, metavar="2h", help="longest time for the job")
    submit.add_argument("--cell-timeout", type=duration, metavar="30m", help="longest for a cell")
    add_waiting(submit, default=False, what="the job has ended", timeout=False)
    submit.add_argument("--dry-run", action="store_true", help="say what would be done")

    for name, text in (
        ("status", "say where a job stands"),
        ("open", "fetch a job's results and open its page"),
        ("fetch", "bring a job's results beside its source"),
        ("stop", "stop a job; it saves what it has"),
    ):
        add_job_name(add_verb(verbs, name, text))

    logs = add_verb(verbs, "logs", "show a job's log")
    add_job_name(logs)
    logs.add_argument("-f", "--follow", action="store_true", help="go on until the job ends")

    retry = add_verb(verbs, "retry", "run an ended job once more, from what its run holds")
    add_job_name(retry)
    naming(retry.add_argument("--cluster", metavar="NAME", help="a running cluster"), CLUSTER)
    naming(retry.add_argument("--profile", metavar="P", help="as for submit"), PROFILE)
    add_where(retry)
    add_waiting(retry, default=False, what="the job has ended", timeout=False)
    return parser
