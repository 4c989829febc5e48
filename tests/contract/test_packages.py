"""What every survey of packages promises, real or in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rayspace.core.notebooks.notebook import read_notebook
from rayspace.gateways.memory.packages import MemoryPackages
from rayspace.gateways.python.package_survey import ProjectPackages
from rayspace.model.bundle import BundleFile, BundlePlan
from rayspace.model.packages import PackagePlan, PackagesMode, Requirement
from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from rayspace.model.notebook import Notebook


def _notebook(language: str) -> Notebook:
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": "import rs_alpha",
    }
    spec = {"name": "python3", "display_name": "k", "language": language}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}}
    return read_notebook(json.dumps({**document, "cells": [cell]}).encode(), name="n.ipynb")


@pytest.fixture(params=["project", "memory"])
def packages(request: pytest.FixtureRequest) -> ProjectPackages | MemoryPackages:
    if request.param == "memory":
        return MemoryPackages((Requirement("rs_alpha", "rs_alpha", source="cell 1"),))
    return ProjectPackages()


@pytest.mark.parametrize("mode", list(PackagesMode))
def test_the_plan_is_what_was_asked_for_and_people_can_read_it(packages, mode) -> None:
    bundle = BundlePlan(Path("/nowhere"), "n.ipynb", (BundleFile("n.ipynb", 10),))
    done = packages.survey(mode, _notebook("python"), bundle)
    assert done.plan.mode is mode
    assert [item.text for item in done.plan.requirements] == ["rs_alpha"]
    assert done.bundle == bundle
    assert "rs_alpha" in done.lines[0]
    assert PackagePlan.from_wire(json.loads(json.dumps(to_wire(done.plan)))) == done.plan


def test_other_languages_ask_for_nothing(packages) -> None:
    bundle = BundlePlan(Path("/nowhere"), "n.ipynb", ())
    done = packages.survey(PackagesMode.AUTO, _notebook("r"), bundle, "/bin/python")
    assert done.plan.requirements == ()
