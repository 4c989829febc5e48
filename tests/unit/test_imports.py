"""What loading rayspace must not load."""

from __future__ import annotations

import subprocess
import sys

import pytest

import rayspace

HEAVY = {
    "ray",
    "mlflow",
    "papermill",
    "nbclient",
    "nbformat",
    "jsonschema",
    "kubernetes",
    "aiohttp",
    "sqlalchemy",
    "pandas",
    "rich",
    "ipywidgets",
    "yaml",
    "psutil",
}


def loaded_by(code: str) -> set[str]:
    """Return the top-level modules that a fresh interpreter has after some code."""
    code += "\nimport sys; print('\\n'.join({name.partition('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return set(done.stdout.split("\n"))


def test_the_extension_loads_no_heavy_library() -> None:
    """%load_ext rayspace costs what IPython itself costs."""
    bare = "from IPython.core.interactiveshell import InteractiveShell as S; s = S.instance()"
    before = loaded_by(bare)
    after = loaded_by(bare + "; s.run_line_magic('load_ext', 'rayspace')")
    assert "rayspace" in after
    assert (after - before) & HEAVY == set()


def test_importing_the_package_loads_no_heavy_library() -> None:
    """import rayspace is free until something is used."""
    assert loaded_by("import rayspace") & (HEAVY | {"IPython"}) == set()


def test_help_of_the_command_loads_no_heavy_library() -> None:
    """rayspace --help is quick."""
    code = "import rayspace.cli; rayspace.cli.main(['--help'])"
    assert loaded_by(code) & (HEAVY | {"IPython", "asyncio"}) == set()


@pytest.mark.parametrize("name", rayspace.__all__)
def test_each_public_name_is_there(name: str) -> None:
    """Everything in __all__ can be imported from the package."""
    assert getattr(rayspace, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    """The lazy names do not hide slips."""
    with pytest.raises(AttributeError, match="nonsense"):
        _ = rayspace.nonsense
