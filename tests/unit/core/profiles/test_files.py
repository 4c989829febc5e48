"""Profiles are read with file and line, and the nearest layer wins whole."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema  # type: ignore[import-untyped]
import pytest
import yaml

from rayspace.core.profiles.files import parse_profile, profile_entries, profile_not_found
from rayspace.errors import ProfileError
from rayspace.model.profile import NodeResources, Profile
from rayspace.model.profile_entry import ProfileFile

TEMPLATES = Path(__file__).parents[4] / "templates" / "profiles"
SCHEMA = json.loads((TEMPLATES / "schema.json").read_text("utf-8"))

FULL = """\
description: A small one.
target: team-a
head:
  cpus: 0
  memory: 2GiB
workers: 3
cpus: 1.5
memory: 8GB
gpus: 1
object_store_memory: 500 MiB
env:
  MODE: 0755
  VERSION: 1.10
  DEBUG: true
  NAME: ada
"""

GOOD = [
    FULL,
    "",
    "{}",
    "head: {}",
    "workers: 0",
    "workers: 2.0",
    "workers: '0:4'",
    "gpu_type: NVIDIA-L4",
    "groups: {train: {workers: '1:2', gpus: 1, gpu_type: NVIDIA-L4}, infer: {cpus: 2}}",
    "idle: 30m\nmax_lifetime: 1h30m\nqueue: research\nprice: 2.5\npriority: low\nimage: r/ray:1",
    "secrets: {HF_TOKEN: hub/token}",
    "volumes: {/data: data, /more: more:ro}",
    "tolerations: ['gpu=a:NoSchedule', gpu, 'team/x:NoExecute']",
    "node_selector: {zone: a, spot: true}",
    "image_pull_secrets: [registry]\nservice_account: team",
    "rayCluster: {spec: {headGroupSpec: {serviceType: NodePort}}, metadata: {labels: {a: b}}}",
    "cpus: 0",
    "memory: 1.5GiB",
    "memory: 8Gi",
    "memory: 8k",
    "env: {}",
    "env: {A: ''}",
    "env: {_A1: 1}",
]
BAD = {
    "memory: 8": ("line 1: 'memory' is 8, expected a size with a unit", "8GB or 8GiB"),
    "memory: '8'": ("line 1: 'memory' is '8', expected a size with a unit", "8GiB"),
    "memory: 8gb": ("line 1: 'memory' is '8gb', expected a size with a unit", "8GiB"),
    "memory: 0GiB": ("line 1: 'memory' is '0GiB', expected a size above zero", ""),
    "memory: [8GiB]": ("line 1: 'memory' is ['8GiB'], expected a size with a unit", ""),
    "head:\n  memory: 2.5": ("line 2: 'head.memory' is 2.5, expected a size", "2.5GB or 2.5GiB"),
    "cpus: '4'": ("line 1: 'cpus' is '4', expected a number from 0 to 100000", ""),
    "cpus: yes": ("line 1: 'cpus' is yes, expected a number", ""),
    "cpus: -1": ("line 1: 'cpus' is -1, expected a number", ""),
    "cpus: .inf": ("line 1: 'cpus' is .inf, expected a number", ""),
    "gpus: 0.5": ("line 1: 'gpus' is 0.5, expected a whole number", ""),
    "workers: 1.5": ("line 1: 'workers' is 1.5, expected a whole number", ""),
    "workers: -1": ("line 1: 'workers' is -1, expected a whole number", ""),
    "workers: 100001": ("line 1: 'workers' is 100001, expected a whole number", ""),
    "workers: null": ("line 1: 'workers' is null, expected a whole number", ""),
    "\nworker: 1": ("line 2: the key 'worker' is unknown (did you mean 'workers'?)", ""),
    "qqq: 1": ("line 1: the key 'qqq' is unknown", "description, target, head, workers"),
    "head: 4": ("line 1: 'head' is 4, expected a mapping", ""),
    "head:\n  gpu: 1": ("line 2: the key 'head.gpu' is unknown (did you mean 'gpus'?)", ""),
    "head:\n  workers: 1": ("line 2: the key 'head.workers' is unknown", ""),
    "target: 3": ("line 1: 'target' is 3, expected text", ""),
    "target: ' '": ("line 1: 'target' is ' ', expected text", ""),
    "description: [x]": ("line 1: 'description' is ['x'], expected text", ""),
    "env: [A]": ("line 1: 'env' is ['A'], expected a mapping", ""),
    "env:\n  A-B: 1": ("line 2: 'A-B' is no name for an environment variable", "letters"),
    "env:\n  A: null": ("line 2: 'env.A' is null, expected text or a number", ""),
    "env:\n  A: [1]": ("line 2: 'env.A' is [1], expected text or a number", ""),
    "workers: a:b": ("line 1: 'workers' is 'a:b', expected 'MIN:MAX'", ""),
    "gpu_type: 'a b'": ("line 1: 'gpu_type' is 'a b', expected a product", ""),
    "groups: [a]": ("line 1: 'groups' is ['a'], expected a mapping", ""),
    "groups:\n  A: {}": ("line 2: 'A' is no name for a group", "small letters"),
    "groups:\n  workers: {}": ("line 2: 'workers' is no name for a group", "first group"),
    "groups:\n  a: 1": ("line 2: 'groups.a' is 1, expected a mapping", ""),
    "groups:\n  a:\n    gpu: 1": ("line 3: the key 'groups.a.gpu' is unknown", ""),
    "idle: 30": ("line 1: 'idle' is 30, expected a duration with a unit", "30m"),
    "price: -1": ("line 1: 'price' is -1, expected a number", ""),
    "secrets: {A: token}": ("line 1: 'secrets.A' is 'token', expected SECRET/KEY", ""),
    "secrets: {A-B: a/b}": ("line 1: 'A-B' is no name for an environment variable", ""),
    "volumes: {data: data}": ("line 1: 'data' is no absolute path", ""),
    "volumes: {/data: A_B}": ("line 1: 'volumes./data' is 'A_B', expected the name of a", ""),
    "tolerations: gpu": ("line 1: 'tolerations' is 'gpu', expected a list of texts", ""),
    "tolerations: ['a=b:Never']": ("line 1: 'tolerations' is ['a=b:Never'], expected a list", ""),
    "node_selector: {a: [1]}": ("line 1: 'node_selector.a' is [1], expected text", ""),
    "image_pull_secrets: [1]": ("line 1: 'image_pull_secrets' is [1], expected a list", ""),
    "rayCluster: {status: {}}": ("line 1: the key 'rayCluster.status' is unknown", ""),
    "rayCluster: {spec: 1}": ("line 1: 'rayCluster.spec' is 1, expected a mapping", ""),
    "- 1": ("line 1: a mapping of names to values is expected", ""),
}


def test_every_key_is_read() -> None:
    """Units become bytes, and a variable is the text that was typed."""
    assert parse_profile(FULL, name="small", layer="user", path="/u/small.yaml") == Profile(
        name="small",
        description="A small one.",
        target="team-a",
        head=NodeResources(cpus=0, memory_bytes=2_147_483_648),
        n_workers=3,
        worker=NodeResources(
            cpus=1.5, memory_bytes=8_000_000_000, gpus=1, object_store_memory_bytes=524_288_000
        ),
        env={"MODE": "0755", "VERSION": "1.10", "DEBUG": "true", "NAME": "ada"},
        layer="user",
        path="/u/small.yaml",
    )


def test_what_a_file_does_not_say_has_a_default() -> None:
    """An empty file is a head with all of the machine, and no workers."""
    assert parse_profile("", name="x") == Profile("x")


@pytest.mark.parametrize("text", BAD)
def test_a_wrong_file_is_refused_with_path_line_and_expectation(text: str) -> None:
    """The message leads to the place, the hint to the right form."""
    fact, hint = BAD[text]
    with pytest.raises(ProfileError) as caught:
        parse_profile(text, name="x", path="/p/x.yaml")
    assert caught.value.message.startswith(f"/p/x.yaml, {fact}")
    assert hint in caught.value.hint


@pytest.mark.parametrize("quote", ["", "'"])
def test_a_range_is_read_with_and_without_quotes(quote: str) -> None:
    """YAML 1.1 takes 0:4 for a number to the base of 60; we take what was typed."""
    profile = parse_profile(f"workers: {quote}1:4{quote}", name="x")
    assert (profile.n_workers, profile.max_workers) == (1, 4)
    with pytest.raises(ProfileError, match="'workers' is '3:1', expected 'MIN:MAX'"):
        parse_profile(f"workers: {quote}3:1{quote}", name="x")


def test_all_mistakes_are_told_at_once_in_the_order_of_lines() -> None:
    """One try shows every mistake."""
    with pytest.raises(ProfileError) as caught:
        parse_profile("memory: 8\ncpu: 1\nworkers: x\n", name="x")
    assert [problem["line"] for problem in caught.value.details["problems"]] == [1, 2, 3]


def accepted_by_schema(text: str) -> bool:
    values = yaml.safe_load(text)
    validator = jsonschema.Draft202012Validator(SCHEMA)
    return bool(validator.is_valid({} if values is None else values))


@pytest.mark.parametrize("text", GOOD)
def test_parser_and_schema_accept_the_same_files(text: str) -> None:
    """An editor does not mark what is right."""
    parse_profile(text, name="x")
    assert accepted_by_schema(text)


@pytest.mark.parametrize("text", BAD)
def test_the_schema_refuses_what_the_parser_refuses(text: str) -> None:
    """An editor marks what is wrong."""
    assert not accepted_by_schema(text)


def test_the_schema_is_one() -> None:
    """The file is a valid schema, and knows every key."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    with pytest.raises(ProfileError) as caught:
        parse_profile("qqq: 1", name="x")
    known = caught.value.hint.removeprefix("Known keys: ").removesuffix(".").split(", ")
    assert sorted(known) == sorted(SCHEMA["properties"])


@pytest.mark.parametrize("path", sorted(TEMPLATES.glob("*.yaml")), ids=lambda path: path.stem)
def test_the_profiles_that_come_along_are_right(path: Path) -> None:
    """Every built-in profile parses, fits the schema, and says what it is."""
    text = path.read_text("utf-8")
    assert parse_profile(text, name=path.stem).description
    assert accepted_by_schema(text)


def test_the_laptop_is_a_head_with_all_cpus() -> None:
    """Nothing is started but a head that uses the machine."""
    laptop = parse_profile((TEMPLATES / "laptop.yaml").read_text("utf-8"), name="laptop")
    assert (laptop.target, laptop.head, laptop.n_workers) == ("local", NodeResources(), 0)
    assert laptop.worker == NodeResources(cpus=1)


def test_the_commented_lines_of_the_laptop_are_right_too() -> None:
    """Who takes away the signs of comment gets a profile that works."""
    text = (TEMPLATES / "laptop.yaml").read_text("utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("# yaml")]
    keys = ("#   ", "# gpus", "# memory", "# object", "# env")
    opened = [
        line.removeprefix("# ") if line.startswith(keys) else line.replace("head: {}", "head:")
        for line in lines
    ]
    profile = parse_profile("\n".join(opened), name="laptop")
    assert profile.head == NodeResources(4, 8 * 2**30, 1, 2 * 2**30)
    assert profile.env == {"OMP_NUM_THREADS": "1"}


def test_the_nearest_layer_wins_with_its_whole_file() -> None:
    """Nothing of a farther file shows through, and what is hidden is listed."""
    files = [
        ProfileFile("gpu", "built-in", "b/gpu.yaml", "cpus: 8\ndescription: Built in."),
        ProfileFile("gpu", "project", "p/gpu.yaml", "gpus: 1"),
        ProfileFile("gpu", "system", "s/gpu.yaml", "gpus: 2"),
        ProfileFile("cpu", "user", "u/cpu.yaml", ""),
    ]
    cpu, gpu = profile_entries(files)
    assert (cpu.name, cpu.layer, cpu.shadows) == ("cpu", "user", ())
    assert gpu.shadows == ("system: s/gpu.yaml", "built-in: b/gpu.yaml")
    assert gpu.profile is not None
    assert (gpu.profile.worker, gpu.profile.description) == (NodeResources(cpus=1, gpus=1), "")
    assert (gpu.profile.layer, gpu.profile.path) == ("project", "p/gpu.yaml")


def test_a_broken_file_is_listed_and_breaks_no_other() -> None:
    """Its problem stands in its own line; a farther file does not step in unasked."""
    files = [
        ProfileFile("a", "built-in", "b/a.yaml", ""),
        ProfileFile("a", "user", "u/a.yaml", "memory: 8"),
        ProfileFile("b", "user", "u/b.yaml", ""),
        ProfileFile("c", "user", "u/c.yaml", problem="it is not UTF-8"),
    ]
    broken, fine, unreadable = profile_entries(files)
    assert (broken.profile, broken.layer) == (None, "user")
    assert "u/a.yaml, line 1" in broken.problem
    assert fine.profile is not None
    assert unreadable.problem == "The profile file u/c.yaml can't be read: it is not UTF-8."


def test_of_two_files_of_one_layer_the_first_counts() -> None:
    """The second is told as hidden."""
    files = [
        ProfileFile("a", "user", "u/a.yaml", "cpus: 1"),
        ProfileFile("a", "user", "u/a.yml", "cpus: 2"),
    ]
    (entry,) = profile_entries(files)
    assert (entry.path, entry.shadows) == ("u/a.yaml", ("user: u/a.yml",))


def test_an_unknown_profile_is_told_with_the_nearest_and_the_list() -> None:
    """A slip of the pen is answered with the word that was meant."""
    error = profile_not_found("latop", ["gpu", "laptop"])
    assert error.message == "There is no profile 'latop'."
    assert error.hint == "Did you mean 'laptop'? Profiles: gpu, laptop."
    assert error.details == {
        "name": "latop",
        "known": ["gpu", "laptop"],
        "nearest": ["laptop"],
    }
    assert profile_not_found("x", []).hint == "There are no profiles at all."
