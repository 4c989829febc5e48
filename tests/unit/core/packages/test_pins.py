"""Versions are read from the files in which projects keep them."""

from __future__ import annotations

from rayspace.core.packages.pins import (
    is_pins_file,
    plain_name,
    read_pins,
    requirement_name,
    without_user,
)

LOCK = """
version = 1
[[package]]
name = "numpy"
version = "2.4.6"
source = { registry = "https://host/simple" }
[[package]]
name = "numpy"
version = "2.5.5"
source = { registry = "https://host/simple" }
[[package]]
name = "My_Project"
version = "0.1"
source = { editable = "." }
[[package]]
name = "Typing_Extensions"
version = "4.16.0"
"""
REQUIREMENTS = """
# a comment
-r other.txt
--index-url https://host/simple
numpy==2.4.6 \\
    --hash=sha256:aa
pandas >=2,<3 ; python_version > "3.9"  # why
Scikit_Learn[extra]==1.9
./local/path
tool @ git+https://user:secret@host/tool@v1
http://host/x.whl
"""
CONDA = """
name: lab
dependencies:
  - python=3.11
  - conda-forge::pytorch=2.9.0=py311_0
  - numpy=2.4.*
  - pip
  - pip:
    - papermill==2.7
    - rich
"""


def test_a_lock_counts_most_and_its_own_project_is_no_package() -> None:
    files = {"uv.lock": LOCK, "requirements.txt": "numpy==1"}
    pins = read_pins(files, {"numpy": "2.4.6"})
    assert pins is not None
    assert pins.source == "uv.lock"
    assert pins.requirements == {
        "numpy": "numpy==2.4.6",
        "typing-extensions": "typing-extensions==4.16.0",
    }
    # Of several versions, without one here, the last.
    other = read_pins(files, {})
    assert other is not None
    assert other.requirements["numpy"] == "numpy==2.5.5"


def test_requirements_are_read_without_options_markers_and_passwords() -> None:
    pins = read_pins({"a/requirements.txt": REQUIREMENTS, "a/requirements-dev.txt": "mypy"}, {})
    assert pins is not None
    assert pins.source == "a/requirements.txt, a/requirements-dev.txt"
    assert pins.requirements == {
        "numpy": "numpy==2.4.6",
        "pandas": "pandas >=2,<3",
        "scikit-learn": "Scikit_Learn[extra]==1.9",
        "tool": "tool @ git+https://host/tool@v1",
        "mypy": "mypy",
    }


def test_an_export_of_conda_is_read_with_the_names_of_indexes() -> None:
    pins = read_pins({"environment.yml": CONDA}, {})
    assert pins is not None
    assert pins.requirements == {
        "torch": "torch==2.9.0",
        "numpy": "numpy",
        "papermill": "papermill==2.7",
        "rich": "rich",
    }


def test_files_that_say_nothing_name_nothing() -> None:
    for files in (
        {},
        {"uv.lock": "= broken"},
        {"uv.lock": "package = 3"},
        {"uv.lock": "package = [3]"},
        {"requirements.txt": "# nothing"},
        {"environment.yml": ": ["},
        {"environment.yml": "- 1"},
        {"environment.yml": "dependencies: 3"},
        {"environment.yml": "dependencies:\n- {pip: 3}\n- 3"},
    ):
        assert read_pins(files, {}) is None


def test_names_are_compared_as_indexes_do() -> None:
    assert plain_name("Scikit_Learn.x") == "scikit-learn-x"
    assert requirement_name(" Foo.Bar[a,b]>=1") == "foo-bar"
    assert requirement_name("-e .") == ""
    assert without_user("git+https://me:pw@host/x") == "git+https://host/x"


def test_only_such_files_are_read() -> None:
    names = ("uv.lock", "requirements.txt", "requirements-dev.txt", "environment.yaml")
    assert all(map(is_pins_file, names))
    assert not any(map(is_pins_file, ("poetry.lock", "my-requirements.txt", "conda.yml")))
