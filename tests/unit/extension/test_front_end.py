"""The front end and what it must agree with: the contract, the version, the settings."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
import yaml

from rayspace.version import __version__

ROOT = Path(__file__).resolve().parents[3]
EXTENSION = ROOT / "extension"
SCHEMAS = yaml.safe_load((ROOT / "workspace/rayspace/server/openapi.yaml").read_text("utf-8"))[
    "components"
]["schemas"]
#: Interfaces whose names differ from those of the contract.
RENAMED = {"IResults": "Results", "IField": "Field", "IError": "Error"}
WIRE = "\n".join(
    file.read_text("utf-8") for file in sorted((EXTENSION / "src" / "wire").glob("*.ts"))
)
INTERFACES = dict(re.findall(r"export interface (I\w+) \{\n(.*?)\n\}", WIRE, re.DOTALL))


def schema_of(interface: str) -> dict:
    """Return what the contract says of an interface."""
    return SCHEMAS[RENAMED.get(interface, interface[1:])]


@pytest.mark.parametrize("interface", INTERFACES)
def test_each_field_is_in_the_contract(interface):
    """A field that the server does not send would be undefined."""
    known = schema_of(interface)["properties"]
    fields = re.findall(r"^  readonly (\w+)\??:", INTERFACES[interface], re.MULTILINE)
    assert fields
    assert [name for name in fields if name not in known] == []


@pytest.mark.parametrize("interface", INTERFACES)
def test_what_may_be_null_is_so_in_both(interface):
    """Null where nobody expects it is an error in the panel."""
    schema = schema_of(interface)["properties"]
    lines = re.findall(r"^  readonly (\w+)(\??): ([^;{]+);", INTERFACES[interface], re.MULTILINE)
    wrong = [
        name
        for name, optional, kind in lines
        if name in schema and may_be_null(schema[name]) and not optional
        if "null" not in kind and kind.strip() != "unknown"
    ]
    assert wrong == []


def may_be_null(schema: dict) -> bool:
    """Say whether a value may be null."""
    kinds = schema.get("type", [])
    one_of = schema.get("oneOf", [])
    return "null" in (kinds if isinstance(kinds, list) else [kinds]) or any(
        item.get("type") == "null" for item in one_of
    )


@pytest.mark.parametrize(
    ("name", "schema"), [("ClusterPhase", "ClusterState"), ("JobPhase", "JobState")]
)
def test_phases_are_those_of_the_contract(name, schema):
    """Each has a dot and a name."""
    text = re.search(rf"export type {name} =([^;]+);", WIRE)
    assert text
    assert re.findall(r"'(\w+)'", text[1]) == SCHEMAS[schema]["properties"]["phase"]["enum"]


def test_both_halves_are_of_one_version():
    """They say so at the start, and in lists of extensions."""
    package = json.loads((EXTENSION / "package.json").read_text("utf-8"))
    lock = json.loads((EXTENSION / "package-lock.json").read_text("utf-8"))
    source = (EXTENSION / "src" / "version.ts").read_text("utf-8")
    assert package["version"] == lock["version"] == __version__
    assert f"'{__version__}'" in source


def test_the_lock_file_names_no_registry():
    """It holds on any registry."""
    text = (EXTENSION / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text


def test_each_number_of_the_settings_says_its_unit():
    """People see the description alone."""
    for path in (EXTENSION / "schema").glob("*.json"):
        for name, entry in json.loads(path.read_text("utf-8"))["properties"].items():
            if entry["type"] in {"number", "integer"}:
                assert re.search(r"\[\w+\]", entry["description"]), name


def test_colours_come_from_the_theme_alone():
    """A colour of our own would be wrong in one of the themes."""
    for path in (EXTENSION / "style").glob("*.css"):
        found = re.findall(r"#[0-9a-f]{3,8}\b|rgba?\(|hsl\(", path.read_text("utf-8"))
        assert found == [], path.name
