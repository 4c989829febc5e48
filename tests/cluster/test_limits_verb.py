"""What an administrator does with limits: look, and have Kubernetes hold people to them."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from rayspace.errors import AccessError
from rayspace.loop import run
from tests.cluster.test_limits import a_cluster, refusal
from tests.cluster.test_product import Person

TEXT = "max_workers: 2\nmax_lifetime: 8h\n"


@pytest.fixture
def administrator(cluster, namespace, tmp_path):
    """Set limits in the namespace, and take away what the test makes of them."""
    person = Person(cluster, namespace, tmp_path, "admin")
    words = ("create", "configmap", "rayspace-profiles", f"--from-literal=limits.yaml={TEXT}")
    namespace.kubectl(*words, user="admin")
    yield person
    policy = run(person.clusters.limits_policy(target=person.target))
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(policy.objects)})
    cluster.kubectl("delete", "--ignore-not-found", "-f", "-", stdin=text)


def asked(person, *more: str) -> str:
    """Ask as in a terminal, and return what is printed."""
    where = ("--context", person.context, "-n", person.namespace.name)
    words = (sys.executable, "-m", "rayspace.cli", "cluster", "limits", *where, *more)
    done = subprocess.run(
        words, env=person.environ, cwd=person.app.project, capture_output=True, check=True
    )
    return done.stdout.decode()


def test_what_is_printed_is_applied_and_holds(administrator, namespace):
    """By kubectl, from a pipe; the same limits in words and in JSON."""
    assert "at most 2 workers in all groups" in asked(administrator)
    limits = json.loads(asked(administrator, "--json"))["limits"]
    assert (limits["max_workers"], limits["max_lifetime_s"]) == (2, 28800.0)
    namespace.kubectl("apply", "-f", "-", user="admin", stdin=asked(administrator, "--policy"))
    namespace.until(
        "the limits hold",
        lambda: "asks for 3 workers; the limit is 2" in refusal(namespace, a_cluster(workers=3)),
    )
    assert refusal(namespace, a_cluster(workers=2)) == ""


def test_who_may_not_read_the_limits_is_not_told_that_there_are_none(cluster, namespace, tmp_path):
    """An outsider."""
    outsider = Person(cluster, namespace, tmp_path, "outsider")
    with pytest.raises(AccessError, match="outsider"):
        run(outsider.clusters.limits(target=outsider.target))
