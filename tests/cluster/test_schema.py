"""What is applied fits KubeRay's own description of its kind; only the last needs a cluster."""

from __future__ import annotations

import copy
import json

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from tests.cluster.binaries import KUBERAY, build
from tests.golden_manifests import CASES, Case

#: A megabyte is read in a tenth of the time by the one that is written in C.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
#: Of what every object bears; its description leaves that to Kubernetes.
_METADATA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string", "maxLength": 63, "pattern": "^[a-z]([-a-z0-9]*[a-z0-9])?$"},
        "namespace": {"type": "string"},
        "labels": _TEXTS,
        "annotations": _TEXTS,
    },
}


def _closed(schema: object) -> object:
    """Let a schema refuse fields that it does not name, as strict validation does."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _closed(value) for key, value in schema.items()}
    is_open = closed.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(closed.get("properties"), dict) and "type" in closed and not is_open:
        closed.setdefault("additionalProperties", False)
    return closed


def _listed(validator, kind, items, schema):
    """Refuse two things of one name in a list that is a map, and two equal ones in a set."""
    keys = schema.get("x-kubernetes-list-map-keys", ())
    if kind not in {"map", "set"} or not isinstance(items, list):
        return
    defaults = {
        key: part.get("default") for key, part in schema["items"].get("properties", {}).items()
    }
    told = [
        json.dumps([item.get(k, defaults.get(k)) for k in keys] if kind == "map" else item)
        for item in items
    ]
    for name in sorted({name for name in told if told.count(name) > 1}):
        yield jsonschema.ValidationError(f"{name} is there twice")


Validator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator, {"x-kubernetes-list-type": _listed}
)


@pytest.fixture(scope="module")
def validators():
    """Read the descriptions that come with the operator, by kind."""
    return {kind: _validator(kind) for kind in ("RayCluster", "RayJob")}


@pytest.fixture(scope="module")
def validator(validators):
    """Return that of clusters."""
    return validators["RayCluster"]


def _validator(kind: str):
    path = build(KUBERAY) / "config" / "crd" / "bases" / f"ray.io_{kind.lower()}s.yaml"
    definition = yaml.load(path.read_text("utf-8"), Loader=_LOADER)
    (version,) = [v for v in definition["spec"]["versions"] if v["name"] == "v1"]
    schema = _closed(version["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = _METADATA
    Validator.check_schema(schema)
    return Validator(schema)


def _faults(validator, manifest: dict) -> list[str]:
    found = validator.iter_errors(json.loads(json.dumps(manifest)))
    return [f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}" for error in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_manifest_fits_the_description(validators, case: Case) -> None:
    """Every field is known, of its type, and there once."""
    manifest = yaml.load(case.path.read_text("utf-8"), Loader=_LOADER)
    assert _faults(validators[manifest["kind"]], manifest) == []


def test_what_does_not_fit_is_found(validator) -> None:
    """Else the test above would say nothing: a typing slip, a wrong type, a port twice."""
    manifest = next(case for case in CASES if case.name == "pods").manifest()
    slips = [copy.deepcopy(manifest) for _ in range(4)]
    heads = [slip["spec"]["headGroupSpec"] for slip in slips]
    heads[0]["replica"] = 1
    slips[1]["spec"]["workerGroupSpecs"][0]["replicas"] = "two"
    container = heads[2]["template"]["spec"]["containers"][0]
    container["ports"].append(container["ports"][0])
    slips[3]["metadata"]["labels"]["a"] = 1
    for slip in slips:
        assert len(_faults(validator, slip)) == 1
    assert _faults(validator, manifest) == []


def test_kubernetes_takes_them_all(namespace) -> None:
    """The API server's own strict validation, and its rules; nothing is made."""
    items = [
        case.manifest() | {"metadata": {**case.manifest()["metadata"], "namespace": namespace.name}}
        for case in CASES
    ]
    text = json.dumps({"apiVersion": "v1", "kind": "List", "items": items})
    words = ("create", "--dry-run=server", "--validate=strict", "-f", "-")
    told = namespace.kubectl(*words, stdin=text)
    assert told.count("created (server dry run)") == len(CASES)
    assert namespace.kubectl("get", "rayclusters,rayjobs", "-o", "name") == ""
