"""Time what a thousand RayClusters in one namespace cost this machine: objects only.

A process of its own lists them, and begins to watch them. It prints medians and asserts nothing:
``python -m tests.bench.bench_thousand [rounds]``, with a cluster of the tests that runs, whose
operator it stops meanwhile.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.cluster import front
from tests.cluster.conftest import made_namespace
from tests.cluster.samples import raycluster
from tests.cluster.test_product import Person

_N = 1000
#: Nothing but Python and what the command line loads before it asks.
_MEASURES = """\
import json, os, resource, sys, time
from pathlib import Path
from rayspace.app import App
from rayspace.loop import run

def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

app = App(Path(sys.argv[1]), os.environ)
target = app.target_of(None, sys.argv[2], sys.argv[3])

async def first(gateway):
    async for changes in gateway.watch():
        return len(changes)

began_s = time.monotonic()
listed = len(run(app.clusters.list(target=target)))
list_s = time.monotonic() - began_s
began_s = time.monotonic()
watched = run(first(app._kube_gateways[target]))
print(json.dumps({
    "listed": listed, "watched": watched, "list_s": list_s,
    "watch_s": time.monotonic() - began_s, "peak_bytes": peak_bytes(),
}))
"""


def main() -> int:
    """Make them, measure, and take them away."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    cluster = front.find()
    with (
        tempfile.TemporaryDirectory() as directory,
        cluster.without_operator(),
        made_namespace(cluster, "bench-thousand") as namespace,
    ):
        person = Person(cluster, namespace, Path(directory))
        for begin in range(0, _N, 100):
            items = [raycluster(f"many-{number}") for number in range(begin, begin + 100)]
            whole = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
            namespace.kubectl("create", "-f", "-", stdin=whole)
        rows = []
        for _ in range(rounds):
            words = (str(person.app.project), person.context, namespace.name)
            done = subprocess.run(
                [sys.executable, "-c", _MEASURES, *words],
                env=person.environ,
                capture_output=True,
                text=True,
                check=True,
            )
            rows.append(json.loads(done.stdout))
    for name in rows[0]:
        unit = "s" if name.endswith("_s") else ""
        value = statistics.median(row[name] for row in rows)
        if name.endswith("_bytes"):
            value, unit = value / 2**20, "MiB"
        sys.stdout.write(f"{name:12} {value:8.2f} {unit}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
