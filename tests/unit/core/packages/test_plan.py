"""Which packages a job asks for, by what is imported, what is here and what was asked."""

from __future__ import annotations

import json

import pytest

from rayspace.core.packages.plan import packages_needed, plan_packages
from rayspace.core.packages.words import package_lines
from rayspace.model.packages import (
    Distribution,
    Editable,
    ImportedModule,
    InstalledPackages,
    PackagePlan,
    PackagesMode,
    Pins,
    Requirement,
)

AUTO, IMAGE, SYNC = PackagesMode


def module(name: str, *names: str, is_optional: bool = False) -> ImportedModule:
    return ImportedModule(name, names or (name,), is_optional, "cell 1")


HERE = InstalledPackages(
    "3.11.7",
    {
        "scikit-learn": Distribution("scikit-learn", "1.9.1", ("numpy", "scipy")),
        "numpy": Distribution("numpy", "2.4.6"),
        "scipy": Distribution("scipy", "1.17.1", ("numpy",)),
        "torch": Distribution("torch", "2.9.0+cu128"),
        "mlflow": Distribution("mlflow", "3.17.2"),
        "mlflow-skinny": Distribution("mlflow-skinny", "3.17.2"),
        "google-api-core": Distribution("google-api-core", "2.44.0"),
        "protobuf": Distribution("protobuf", "7.36.2"),
        "from-git": Distribution("from-git", "1.0", (), "git+https://host/x@abc"),
        "from-disk": Distribution("from-disk", "1.0", (), "file:///home/me/x.whl"),
        "mine": Distribution("mine", "0.1", ("scipy", "ray"), "", "file:///lab/project"),
        "lib": Distribution("lib", "0.1", (), "", "file:///home/me/lib"),
        "lost": Distribution("lost", "0.1", (), "", "file:///gone"),
        "ray": Distribution("ray", "2.60.0", ("numpy",)),
    },
    {
        "sklearn": ("scikit-learn",),
        "numpy": ("numpy",),
        "torch": ("torch",),
        "mlflow": ("mlflow", "mlflow-skinny"),
        "google": ("google-api-core", "protobuf"),
        "google.protobuf": ("protobuf",),
        "from_git": ("from-git",),
        "from_disk": ("from-disk",),
        "mine": ("mine",),
        "lib": ("lib",),
        "lost": ("lost",),
        "ray": ("ray",),
    },
    {"mine": "/lab/project/src", "lib": "/home/me/lib"},
)


def texts(*modules: ImportedModule, mode: PackagesMode = AUTO, pins: Pins | None = None):
    plan = plan_packages(mode, modules, HERE, pins, root="/lab/project")
    return [item.text for item in plan.requirements]


def test_versions_are_those_here() -> None:
    assert texts(module("sklearn"), module("numpy")) == ["numpy==2.4.6", "scikit-learn==1.9.1"]


def test_ray_is_never_asked_for_and_mlflow_as_its_client() -> None:
    assert texts(module("ray"), module("mlflow"), module("rayspace")) == ["mlflow-skinny==3.17.2"]
    other = Pins("uv.lock", {"mlflow-skinny": "mlflow-skinny==3.0", "mlflow": "mlflow==3.0"})
    assert texts(module("mlflow"), mode=SYNC, pins=other) == ["mlflow-skinny==3.17.2"]


def test_a_shared_name_is_told_by_what_is_imported_below_it() -> None:
    assert texts(module("google", "google.protobuf")) == ["protobuf==7.36.2"]
    assert texts(module("google")) == ["google-api-core==2.44.0"]


def test_a_local_build_is_asked_for_by_its_public_version() -> None:
    assert texts(module("torch")) == ["torch==2.9.0"]


def test_what_came_from_elsewhere_comes_from_there_again() -> None:
    assert texts(module("from_git")) == ["from-git @ git+https://host/x@abc"]
    plan = plan_packages(AUTO, [module("from_disk")], HERE)
    assert plan.requirements[0].text == "from-disk==1.0"
    assert "was installed here from file:///home/me/x.whl" in plan.warnings[0]


def test_what_is_not_here_is_guessed_and_said() -> None:
    plan = plan_packages(AUTO, [module("cv2"), module("gone"), module("x", is_optional=True)], HERE)
    assert [item.text for item in plan.requirements] == ["gone", "opencv-python-headless"]
    assert plan.warnings[1] == (
        "cell 1 imports gone, which is not installed here: the job asks for the package 'gone',"
        " in whatever version there is."
    )
    pins = Pins("requirements.txt", {"gone": "gone==4"})
    plan = plan_packages(SYNC, [module("gone")], HERE, pins)
    assert plan.requirements[0].text == "gone==4"
    assert plan.warnings == (
        "cell 1 imports gone, which is not installed here: the job asks for 'gone==4'.",
    )


def test_sync_takes_the_project_s_versions_and_holds_what_they_need() -> None:
    pins = Pins("uv.lock", {"scikit-learn": "scikit-learn==1.8", "scipy": "scipy==1.16.0"})
    plan = plan_packages(SYNC, [module("sklearn")], HERE, pins)
    assert [item.text for item in plan.requirements] == ["scikit-learn==1.8"]
    assert plan.constraints == ("numpy==2.4.6", "scipy==1.16.0")
    assert plan.pins_from == "uv.lock"
    # Only then: elsewhere what the image has is good enough.
    assert plan_packages(AUTO, [module("sklearn")], HERE, pins).constraints == ()
    assert texts(module("sklearn"), pins=pins) == ["scikit-learn==1.9.1"]


def test_what_the_code_can_do_without_is_asked_for_by_sync_alone() -> None:
    item = module("numpy", is_optional=True)
    assert texts(item) == []
    assert texts(item, mode=SYNC) == ["numpy==2.4.6"]


def test_editable_installs_travel_and_what_they_need_is_asked_for() -> None:
    modules = [module("mine"), module("lib"), module("lost")]
    plan = plan_packages(AUTO, modules, HERE, root="/lab/project")
    assert plan.editables == (
        Editable("mine", "mine", "/lab/project/src", "src"),
        Editable("lib", "lib", "/home/me/lib", ".rayspace-editable/lib", is_added=True),
    )
    assert plan.requirements == (Requirement("", "scipy==1.17.1", source="needed by mine"),)
    assert plan.source_dirs == ("src", ".rayspace-editable/lib")
    assert "lost is installed in editable mode" in plan.warnings[0]
    # The top of the project itself, and no project at all.
    top = plan_packages(AUTO, [module("lib")], HERE, root="/home/me/lib")
    assert top.editables[0].path == ""
    assert plan_packages(AUTO, [module("lib")], HERE).editables[0].is_added


def test_what_packages_need_is_followed_as_far_as_it_is_here() -> None:
    assert packages_needed(["scikit-learn", "unknown", "ray"], HERE) == [
        "numpy",
        "scikit-learn",
        "scipy",
    ]


def test_a_plan_survives_the_way_to_the_runner() -> None:
    plan = plan_packages(SYNC, [module("sklearn"), module("lib")], HERE)
    assert PackagePlan.from_wire(json.loads(plan.to_json())) == plan
    assert PackagePlan.from_wire({"newer": 1}) == PackagePlan()
    for wrong in ({"requirements": [{}]}, [], {"mode": "other"}, {"timeout_s": []}):
        with pytest.raises(ValueError, match=r"plan|valid|float"):
            PackagePlan.from_wire(wrong)


def test_people_read_what_would_be_done() -> None:
    own = "papermill>=2.7, nbclient, ipykernel, mlflow-skinny>=3.17.2,<4."
    assert package_lines(plan_packages(AUTO, [module("numpy")], HERE)) == (
        "The notebook's packages, installed for the job where the image lacks them: numpy==2.4.6.",
        f"The runner's own packages, installed for the job where the image lacks them: {own}",
    )
    image = package_lines(PackagePlan(IMAGE))
    assert image[0] == "The notebook imports no packages beyond those that every job has."
    assert image[1].startswith("The runner's own packages, must be in the image, since nothing")
    modules = [module("sklearn"), module("numpy", is_optional=True), module("lib"), module("mine")]
    sync = package_lines(plan_packages(SYNC, modules, HERE, root="/lab/project"))
    assert "numpy==2.4.6 (optional)" in sync[0]
    assert sync[1] == ("Their versions are those of the Python here.")
    assert sync[3] == (
        "lib is an editable install: its module lib travels from /home/me/lib, added to the bundle."
    )
    assert sync[4].endswith("part of the project.")
    pinned = PackagePlan(SYNC, (Requirement("a", "a"),), pins_from="uv.lock", constraints=("b==1",))
    assert package_lines(pinned)[1] == (
        "Their versions are those of uv.lock, 1 more are held as they need them."
    )
    many = PackagePlan(requirements=tuple(Requirement("", f"p{n}") for n in range(15)))
    assert package_lines(many)[0].endswith("p11 and 3 more.")
    other = PackagePlan(kernel_python="/opt/conda/bin/python")
    assert package_lines(other)[0] == (
        "The notebook runs with /opt/conda/bin/python, whose packages stay as they are."
    )
