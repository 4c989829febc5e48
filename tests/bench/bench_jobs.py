"""Time a notebook of ten cells as a RayJob: shipped by rayspace, and papermill alone.

It prints medians and ratios and asserts nothing: ``python -m tests.bench.bench_jobs [rounds]``,
with a cluster of the tests that runs.
"""

from __future__ import annotations

import copy
import json
import os
import secrets
import statistics
import sys
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.cluster import front
from tests.cluster.conftest import Namespace, made_namespace
from tests.cluster.team import Shipper, await_mlflow, bring_mlflow

N_CELLS = 10
#: Writes the same notebook, and lets papermill run it.
_BARE = """\
import json, papermill
cells = [
    dict(cell_type="code", id=f"c{{i}}", metadata={{}}, outputs=[], execution_count=None,
         source="x = 1\\nprint(x)")
    for i in range({n_cells})
]
kernel = dict(name="python3", display_name="p", language="python")
document = dict(nbformat=4, nbformat_minor=5, metadata=dict(kernelspec=kernel), cells=cells)
json.dump(document, open("/tmp/in.ipynb", "w"))
papermill.execute_notebook("/tmp/in.ipynb", "/tmp/out.ipynb", progress_bar=False)
"""


def _seconds(namespace: Namespace, name: str) -> float:
    """Return how long a RayJob took from its creation to Ray's last word. [s]"""

    def ended() -> dict[str, Any] | None:
        item: dict[str, Any] = namespace.read("rayjobs", name)
        return item if (item.get("status") or {}).get("jobStatus") == "SUCCEEDED" else None

    item = namespace.until(f"{name} succeeds", ended, timeout_s=300.0)
    began, end = item["metadata"]["creationTimestamp"], item["status"]["endTime"]
    return (datetime.fromisoformat(end) - datetime.fromisoformat(began)).total_seconds()


def _shipped(person: Shipper, notebook: Path) -> tuple[float, dict[str, Any]]:
    job = person.submit(notebook)
    taken_s = _seconds(person.namespace, job.name)
    return taken_s, person.namespace.read("rayjobs", job.name)


def _bare(person: Shipper, like: dict[str, Any]) -> float:
    """Run papermill on a cluster of the same description."""
    name = f"bare-{secrets.token_hex(3)}"
    item = {
        "apiVersion": like["apiVersion"],
        "kind": "RayJob",
        "metadata": {"name": name},
        "spec": copy.deepcopy(like["spec"]),
    }
    item["spec"] |= {"jobId": name, "entrypoint": f"python -c '{_BARE.format(n_cells=N_CELLS)}'"}
    item["spec"].pop("runtimeEnvYAML")
    text = json.dumps(item)
    # The runner's Secret belongs to the other job, which is still there.
    person.namespace.kubectl("apply", "-f", "-", stdin=text)
    return _seconds(person.namespace, name)


def main() -> int:
    """Measure in turns, so that both see the same machine."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    cluster = front.find()
    with (
        tempfile.TemporaryDirectory() as directory,
        made_namespace(cluster, "bench-jobs") as namespace,
    ):
        bring_mlflow(namespace)
        await_mlflow(namespace)
        person = Shipper(cluster, namespace, Path(directory))
        notebook = person.notebook("ten.ipynb", *["x = 1\nprint(x)"] * N_CELLS)
        shipped, bare = [], []
        for _ in range(rounds):
            taken_s, like = _shipped(person, notebook)
            shipped.append(taken_s)
            bare.append(_bare(person, like))
            sys.stdout.write(f"shipped {shipped[-1]:.0f} s, papermill alone {bare[-1]:.0f} s\n")
    one, other = statistics.median(shipped), statistics.median(bare)
    cores = os.cpu_count()
    sys.stdout.write(
        f"median of {rounds} on {cores} cores: shipped {one:.1f} s, papermill alone {other:.1f} s,"
        f" ratio {one / other:.2f}\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
