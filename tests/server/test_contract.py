"""The description of the interface: true to the values of the model, and to what is served."""

from __future__ import annotations

import dataclasses

import pytest
import schemathesis
from jsonschema import Draft202012Validator

from rayspace import errors
from rayspace.model import (
    bundle,
    check,
    cluster,
    cluster_usage,
    job,
    problem,
    profile,
    progress,
    starter,
)
from rayspace.model.wire import to_wire
from rayspace.server.contract import description
from rayspace.server.errors import error_body, status_of
from rayspace.server.hub import Hub
from rayspace.server.routes import ROUTES
from rayspace.services.ending import DownResult
from tests.factories import a_cluster, a_job
from tests.server.jupyter_process import TOKEN

#: Served by handlers of their own.
OTHERS = {
    "/rayspace/changes",
    "/rayspace/proxy/ray/{target}/{cluster}/{rest}",
    "/rayspace/proxy/mlflow/{target}/{rest}",
}
VALUES = [
    *(cluster.Activity, cluster.ClusterSpec, cluster.ClusterState, cluster.GpuSample),
    *(cluster.HeadAddress, cluster.Node, cluster.WorkerGroup),
    *(cluster_usage.GpuCourse, cluster_usage.NodeCourse),
    *(bundle.BundleFile, bundle.Skipped, check.Check, job.JobState, job.Progress),
    *(problem.Evidence, problem.Problem, progress.Stage, DownResult),
    starter.StarterNotebook,
    *(profile.GroupSpec, profile.NodeResources, profile.PodOptions, profile.Profile),
]


def schema(name: str) -> Draft202012Validator:
    whole = {"$ref": f"#/components/schemas/{name}", "components": description()["components"]}
    return Draft202012Validator(whole)


@pytest.mark.parametrize("value", VALUES, ids=lambda value: value.__name__)
def test_the_description_has_each_field_of_the_model(value):
    described = description()["components"]["schemas"][value.__name__]

    fields = [field.name for field in dataclasses.fields(value) if field.repr]
    assert sorted(described["properties"]) == sorted(fields)
    assert sorted(described["required"]) == sorted(fields)


def test_enumerations_are_those_of_the_model():
    schemas = description()["components"]["schemas"]

    for name, key, kind in (
        ("ClusterState", "phase", cluster.ClusterPhase),
        ("ClusterState", "origin", cluster.Origin),
        ("JobState", "phase", job.JobPhase),
        ("JobState", "cause", job.Cause),
        ("Problem", "owner", problem.Owner),
        ("Skipped", "kind", bundle.Skip),
    ):
        assert schemas[name]["properties"][key]["enum"] == [member.value for member in kind]


def test_what_is_sent_is_as_described():
    schema("ClusterState").validate(to_wire(a_cluster()))
    schema("JobState").validate(to_wire(a_job()))


def test_what_the_stream_begins_with_is_as_described():
    hub = Hub()
    schema("Snapshot").validate(hub.snapshot())
    hub.cluster(to_wire(a_cluster()))
    hub.jobs([{**to_wire(a_job()), "projects": ["", "a"]}])
    hub.chosen({"project": "a", "target": "local", "name": "bench"})
    hub.jobs_problems({"b": error_body(errors.MissingExtraError("ray"), 501)})
    schema("Snapshot").validate(hub.snapshot())


def test_every_route_is_described_and_served():
    described = {
        (path, method.upper())
        for path, methods in description()["paths"].items()
        for method in methods
        if method != "parameters" and path not in OTHERS
    }

    assert {(path, method) for path, methods in ROUTES.items() for method in methods} == described


def test_every_example_is_as_its_schema_says():
    for path, methods in description()["paths"].items():
        for method in methods.values():
            if not isinstance(method, dict):
                continue
            for answer in method["responses"].values():
                content = (answer.get("content") or {}).get("application/json")
                if content and "example" in content:
                    whole = {**content["schema"], "components": description()["components"]}
                    problems = list(Draft202012Validator(whole).iter_errors(content["example"]))
                    assert not problems, (path, problems)


@pytest.mark.parametrize(
    "kind",
    [k for k in vars(errors).values() if isinstance(k, type) and issubclass(k, Exception)],
    ids=lambda kind: kind.__name__,
)
def test_every_error_has_a_status_and_a_body(kind):
    if issubclass(kind, errors.GatewayError):
        error = kind("It is so.", system="Ray", operation="ask", hint="Do that.")
    elif kind is errors.MissingExtraError:
        error = kind("ray")
    else:
        error = kind("It is so.", hint="Do that.", details={"path": object()})

    assert 400 <= status_of(error) < 600
    assert (status_of(error) == 500) == (kind is errors.RayspaceError)
    schema("Error").validate(error_body(error, status_of(error)))


def test_a_defect_tells_nothing_of_itself():
    body = error_body(ValueError("a secret"), 500)

    assert body["code"] == "internal"
    assert "secret" not in str(body)


def test_whatever_is_asked_is_answered_as_described(twin):
    """Ask each route some dozens of things, right and wrong ones, as schemathesis makes them up."""
    twin.make("laptop")
    loaded = {
        **description(),
        "servers": [{"url": twin.url}],
        "paths": {p: m for p, m in description()["paths"].items() if p not in OTHERS},
    }
    api = schemathesis.openapi.from_dict(loaded)
    api.config.update(base_url=twin.url, request_timeout=120)
    api.config.generation.update(max_examples=12)
    checks = [
        schemathesis.checks.not_a_server_error,
        schemathesis.specs.openapi.checks.status_code_conformance,
        schemathesis.specs.openapi.checks.content_type_conformance,
        schemathesis.specs.openapi.checks.response_schema_conformance,
    ]
    failures = []
    n_asked = 0
    for result in api.get_all_operations():
        operation = result.ok()

        n_asked += _ask(operation, checks, failures)

    assert not failures, failures[:3]
    assert n_asked > 300


def _ask(operation, checks, failures):
    from hypothesis import HealthCheck, Phase, given, settings

    n_asked = 0

    @given(case=operation.as_strategy())
    @settings(
        max_examples=15,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
        database=None,
        derandomize=True,
    )
    def ask(case):
        nonlocal n_asked
        n_asked += 1
        case.headers = {**(case.headers or {}), "Authorization": f"token {TOKEN}"}
        response = case.call()
        try:
            case.validate_response(response, checks=checks)
        except Exception as exc:  # noqa: BLE001  all of them are told together
            failures.append((operation.label, case.body, case.query, str(exc)[:1500]))

    ask()
    return n_asked
