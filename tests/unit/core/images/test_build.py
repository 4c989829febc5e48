"""The command that builds an image of the versions that are here."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from rayspace import cli
from rayspace.completion import complete
from rayspace.core.images.build import image_build
from rayspace.core.images.choice import choose_image, mismatch
from rayspace.grammar import command_parser
from rayspace.this_machine import versions_here

ROOT = Path(__file__).parents[4]
HERE = ("2.60.0", "3.11.9")


def built(**changes):
    """Decide for this machine."""
    return image_build(*HERE, "/t/image", **changes)


def test_it_stands_on_the_official_image_of_the_same_versions() -> None:
    """And stays here, as its name has no registry."""
    build = built()
    base, tag = "rayproject/ray:2.60.0-py311", "rayspace:2.60.0-py3.11"
    assert build.commands == (f"docker build --build-arg BASE={base} -t {tag} /t/image",)
    assert (build.ray_version, build.python_version) == ("2.60.0", "3.11")
    assert built(has_gpu=True, builder="podman").commands == (
        f"podman build --build-arg BASE={base}-gpu -t {tag}-gpu /t/image",
    )


@pytest.mark.parametrize(
    ("name", "image"),
    [
        ("r.example/team/ray", "r.example/team/ray:2.60.0-py3.11"),
        ("r.example:5000/ray", "r.example:5000/ray:2.60.0-py3.11"),
        ("r.example/team/ray:mine", "r.example/team/ray:mine"),
    ],
)
def test_with_a_registry_it_is_pushed_too(name, image) -> None:
    """Under a tag that says the versions, unless it has one."""
    build = built(name=name)
    assert build.commands[1:] == (f"docker push {image}",)
    assert any(f"--image {image}" in note for note in build.notes)


def test_its_name_is_what_an_administrators_pattern_is_filled_to() -> None:
    """So that one line in a namespace finds the images of all versions."""
    pattern = "r.example/ray:{ray}-py{python}"
    found = choose_image("", pattern, *HERE, has_gpu=False)
    assert found.image == built(name="r.example/ray").image
    asked = choose_image(found.image, "", *HERE, has_gpu=False)
    assert (asked.ray_version, asked.python_version) == ("2.60.0", "3.11")
    assert mismatch(asked, "2.60.0", "3.12.1") != ""


def test_a_base_of_other_versions_is_told() -> None:
    """Ray would refuse it, and not say why."""
    build = built(base="mirror.example/ray:2.55.1-py312")
    assert "BASE=mirror.example/ray:2.55.1-py312" in build.commands[0]
    assert any("here is Ray 2.60.0; and Python 3.12" in note for note in build.notes)
    unknown = built(base="mirror.example/ours")
    assert unknown.image == "rayspace:2.60.0-py3.11"
    assert any("its name does not tell" in note for note in unknown.notes)


def test_without_ray_it_is_that_of_clusters() -> None:
    """And a line says so."""
    build = image_build("", "3.11.9", "/t/image")
    assert "BASE=rayproject/ray:2.60.0-py311" in build.commands[0]
    assert any("No Ray is installed here" in note for note in build.notes)


def test_the_verb_prints_what_a_shell_takes_and_says_the_rest_beside_it(capsys) -> None:
    """So that it can go into a pipe; JSON holds both."""
    ray, python = versions_here()
    assert cli.main(["image", "--tag", "r.example/ray"]) == 0
    out, err = capsys.readouterr()
    build, push = (shlex.split(line) for line in out.splitlines())
    assert push == ["docker", "push", build[-2]]
    assert build[3] == f"BASE=rayproject/ray:{ray}-py{''.join(python.split('.')[:2])}"
    assert f"Ray {ray}" in err
    assert cli.main(["image", "--tag", "r.example/ray", "--json"]) == 0
    out, err = capsys.readouterr()
    value = json.loads(out)
    assert (value["commands"][0], err) == (shlex.join(build), "")
    recipe = Path(value["directory"], "Dockerfile").read_text("utf-8")
    assert recipe == (ROOT / "templates" / "image" / "Dockerfile").read_text("utf-8")
    assert re.search(r"^ARG BASE=.*\nFROM \$\{BASE\}$", recipe, re.MULTILINE)


def test_completion_knows_it() -> None:
    """As it knows the others."""
    assert complete(command_parser(), "im", lambda _: []) == ["image"]
    assert complete(command_parser(), "image --builder ", lambda _: []) == [
        "buildah",
        "docker",
        "podman",
    ]


def test_the_image_has_the_mlflow_of_laptops() -> None:
    """Runs are written by one version."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    (pinned,) = [d for d in project["dependencies"] if d.startswith("mlflow-skinny")]
    lines = (ROOT / "templates" / "image" / "requirements.txt").read_text("utf-8").splitlines()
    assert pinned in lines
