"""What a notebook imports is found without running it, also through the modules beside it."""

from __future__ import annotations

import json

import pytest

from rayspace.core.notebooks.notebook import read_notebook
from rayspace.core.packages.imports import imported_modules
from rayspace.model.packages import ImportedModule


def notebook(*sources: str, language: str = "python"):
    cells = [
        {
            "cell_type": "code",
            "id": f"c{number}",
            "metadata": {},
            "execution_count": None,
            "outputs": [],
            "source": source,
        }
        for number, source in enumerate(sources)
    ]
    spec = {"name": "k", "display_name": "k", "language": language}
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {"kernelspec": spec}}
    return read_notebook(json.dumps({**document, "cells": cells}).encode(), name="n.ipynb")


def found(*sources: str, files: dict[str, str] | None = None, path: str = "n.ipynb", **more):
    files = files or {}
    given = imported_modules(notebook(*sources), path, files, lambda name: files[name], **more)
    return {item.module: item for item in given}


def optional(*sources: str) -> dict[str, bool]:
    return {name: item.is_optional for name, item in found(*sources).items()}


def test_every_form_of_import_is_seen() -> None:
    source = (
        "import numpy as np, os\nfrom sklearn import svm\nfrom a.b import *\n"
        "importlib.import_module('c.d')\n__import__('e')\nimport_module(name)\n"
        "import_module('.relative', 'x')\n__import__(3)\nprint(1)"
    )
    items = found(source)
    assert set(items) == {"numpy", "sklearn", "a", "c", "e"}
    assert items["sklearn"] == ImportedModule(
        "sklearn", ("sklearn", "sklearn.svm"), is_optional=False, source="cell 1"
    )
    assert items["c"].names == ("c.d",)


def test_magics_and_code_that_nobody_can_parse_do_not_hide_the_rest() -> None:
    items = found("%matplotlib inline\nimport numpy", "def (", "!pip install x\nimport pandas")
    assert set(items) == {"numpy", "pandas"}
    assert items["pandas"].source == "cell 3"


def test_what_the_code_goes_on_without_is_optional() -> None:
    assert optional("try:\n  import a\nexcept ImportError:\n  import b") == {"a": True, "b": True}
    assert optional("try:\n  import a\nexcept:\n  pass\nelse:\n  import b") == {
        "a": True,
        "b": True,
    }
    assert optional("try:\n  import a\nexcept ImportError:\n  raise") == {"a": False}
    assert optional("try:\n  import a\nexcept ValueError:\n  pass\nfinally:\n  import b") == {
        "a": False,
        "b": False,
    }
    assert optional("with contextlib.suppress(ImportError):\n  import a") == {"a": True}
    assert optional("with open(x):\n  import a") == {"a": False}
    assert optional("if sys.platform == 'win32':\n  import a\nelse:\n  import b") == {
        "a": True,
        "b": True,
    }
    assert optional("try:\n  import a\nexcept ImportError:\n  a = None", "import a.b") == {
        "a": False
    }


def test_types_alone_are_not_needed() -> None:
    assert optional("if TYPE_CHECKING:\n  import a\nelse:\n  import b") == {"b": False}


def test_modules_beside_the_notebook_are_followed() -> None:
    files = {
        "work/n.ipynb": "",
        "work/helper.py": "import scipy\nfrom . import other\nfrom .pack import deep",
        "work/other.py": "import networkx",
        "work/pack/__init__.py": "from ..outer import x",
        "work/pack/deep.py": "import pyarrow",
        "outer.py": "import never",
        "work/unused.py": "import torch",
        "work/run_me.py": "import polars",
        "top/inner.py": "import dask",
    }
    items = found("import helper, top.inner\n%run run_me.py", files=files, path="work/n.ipynb")
    assert {"scipy", "networkx", "pyarrow", "polars", "dask"} <= set(items)
    assert not {"torch", "helper", "top"} & set(items)
    assert items["scipy"].source == "work/helper.py"


def test_a_notebook_that_is_run_counts_and_a_broken_one_does_not() -> None:
    cell = {
        "cell_type": "code",
        "id": "a",
        "metadata": {},
        "execution_count": None,
        "outputs": [],
        "source": "import xarray",
    }
    document = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}
    files = {"a.ipynb": json.dumps(document), "b.ipynb": "{"}
    assert set(found("%run a.ipynb\n%run 'b.ipynb'", files=files)) == {"xarray"}


def test_source_directories_are_on_the_path() -> None:
    files = {"src/mine/__init__.py": "import shap"}
    assert set(found("import mine", files=files)) == {"mine"}
    assert set(found("import mine", files=files, source_dirs=["src"])) == {"shap"}


def test_other_languages_import_nothing() -> None:
    assert imported_modules(notebook("import x", language="julia"), "n.ipynb") == ()


@pytest.mark.parametrize("source", ["import os.path, json", "from __future__ import annotations"])
def test_the_standard_library_is_no_package(source: str) -> None:
    assert found(source) == {}
