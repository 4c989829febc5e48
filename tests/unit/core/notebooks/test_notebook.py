"""Notebooks are read, refused with the way out, and searched without being run."""

from __future__ import annotations

import contextlib
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.notebooks.notebook import (
    MAX_NOTEBOOK_BYTES,
    literal_experiment,
    mentioned_paths,
    read_notebook,
    work_of,
)
from rayspace.errors import NotebookFormatError

if TYPE_CHECKING:
    from rayspace.model.notebook import Notebook


def document(*sources: str | list[str], **changes: Any) -> dict[str, Any]:
    cells: list[dict[str, Any]] = [
        {
            "cell_type": "code",
            "execution_count": None,
            "metadata": {},
            "outputs": [],
            "source": source,
        }
        for source in sources
    ]
    return {"nbformat": 4, "nbformat_minor": 4, "metadata": {}, "cells": cells} | changes


def notebook(*sources: str | list[str], **changes: Any) -> Notebook:
    return read_notebook(json.dumps(document(*sources, **changes)).encode(), name="n.ipynb")


def test_cells_kernel_and_language_are_read() -> None:
    """What a submission needs to know is there."""
    metadata = {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}}
    read = notebook("x <- 1", ["y <- 2\n", "z"], metadata=metadata)
    assert (read.kernel_name, read.language, read.n_code_cells) == ("ir", "r", 2)
    assert read.code_cells[1].source == "y <- 2\nz"
    assert [cell.cell_number for cell in read.code_cells] == [1, 2]


def test_a_notebook_without_metadata_is_python() -> None:
    """Python is the default."""
    read = notebook("1")
    assert (read.kernel_name, read.language, read.parameters_source) == ("python3", "python", None)


def test_the_first_tagged_cell_holds_the_parameters() -> None:
    """papermill injects behind the first cell of that tag, so that one counts."""
    plain = document("first", "lr = 1", "lr = 2")
    plain["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "# Title"})
    for cell in plain["cells"][2:]:
        cell["metadata"]["tags"] = ["parameters"]
    read = read_notebook(json.dumps(plain).encode(), name="n.ipynb")
    assert read.parameters_source == "lr = 1"
    assert [cell.cell_index for cell in read.code_cells] == [1, 2, 3]


def refused(data: bytes) -> NotebookFormatError:
    with pytest.raises(NotebookFormatError) as caught:
        read_notebook(data, name="my train.ipynb")
    return caught.value


def test_a_large_notebook_is_refused_with_the_command_that_clears_it() -> None:
    """Above 32 MiB the outputs have to go."""
    error = refused(b" " * (MAX_NOTEBOOK_BYTES + 1))
    assert error.message == "my train.ipynb has 32.0 MiB; a notebook may have 32.0 MiB."
    assert error.hint == (
        "Clear its outputs: jupyter nbconvert --clear-output --inplace 'my train.ipynb'"
    )


def test_text_that_is_not_json_is_refused_with_its_place() -> None:
    """Line and column are named."""
    error = refused(b'{"cells": [\n  oops\n]}')
    assert error.message == ("my train.ipynb is not JSON: Expecting value at line 2, column 3.")
    assert error.details == {"line": 2, "column": 3}


def test_a_merge_conflict_is_recognised() -> None:
    """The marks of a merge conflict are the commonest reason."""
    error = refused(b'{"cells": [\n<<<<<<< HEAD\n1\n=======\n2\n>>>>>>> other\n]}')
    assert "merge conflict" in error.hint


def test_bytes_that_are_not_utf8_are_refused() -> None:
    """The first bad byte is named."""
    assert refused(b'{"a": "\xff"}').message == "my train.ipynb is not UTF-8: byte 7 can't be read."


@pytest.mark.parametrize(
    ("version", "hint"),
    [
        (3, "jupyter nbconvert --to notebook --nbformat 4 --inplace 'my train.ipynb'"),
        (2, "jupyter nbconvert --to notebook --nbformat 4 --inplace 'my train.ipynb'"),
        (5, "update rayspace"),
    ],
)
def test_other_format_versions_are_refused_with_the_way_out(version: int, hint: str) -> None:
    """Old notebooks are to be converted, newer ones are unknown."""
    error = refused(json.dumps({"nbformat": version, "worksheets": []}).encode())
    assert f"notebook format {version}" in error.message
    assert hint in error.hint


def test_a_notebook_so_old_that_it_has_sheets_is_to_be_converted() -> None:
    """The first formats bear no number that could be trusted."""
    assert "--nbformat 4" in refused(b'{"worksheets": []}').hint


@pytest.mark.parametrize(
    ("data", "fact"),
    [
        ([], "its JSON is a list, not an object"),
        ("text", "its JSON is text, not an object"),
        ({}, "it has no whole number 'nbformat'"),
        ({"nbformat": True}, "it has no whole number 'nbformat'"),
        ({"nbformat": 4}, "it has no list of cells"),
        (document(cells={}), "it has no list of cells"),
        (document(cells=[1]), "cell 1 is a number, not an object"),
        (document(cells=[{"source": ""}]), "cell 1 has the cell_type None"),
        (
            document("1", cells=[{"cell_type": "code", "source": 5}]),
            "the source of cell 1 is a number, not text",
        ),
        (
            document(cells=[{"cell_type": "code", "source": ["a", 1]}]),
            "the source of cell 1 is a list, not text",
        ),
        (
            document(cells=[{"cell_type": "code", "source": "", "metadata": []}]),
            "the metadata of cell 1 is a list, not an object",
        ),
        (document("1", metadata=None), "its metadata is null, not an object"),
        (document("1", metadata={"kernelspec": "x"}), "its kernelspec is text, not an object"),
    ],
)
def test_malformed_notebooks_are_refused_with_the_fact(data: object, fact: str) -> None:
    """What is wrong is said, with the cell."""
    assert fact in refused(json.dumps(data).encode()).message


@pytest.mark.parametrize("sources", [(), ("",), (" \n\t",)])
def test_a_notebook_without_code_is_refused(sources: tuple[str, ...]) -> None:
    """A job of nothing is a mistake."""
    error = refused(json.dumps(document(*sources)).encode())
    assert error.message == "my train.ipynb holds no code to run."


def test_json_nested_without_end_is_refused() -> None:
    """A file made to break readers breaks nothing."""
    assert "nested too deep" in refused(b"[" * 200_000).message


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    """No file makes the reader fail in another way."""
    with contextlib.suppress(NotebookFormatError):
        assert read_notebook(data, name="n.ipynb").n_code_cells > 0


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["cells", "cell_type", "source", "metadata", "tags", "kernelspec", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["cells", "metadata"]), JSON_VALUES), JSON_VALUES)
def test_any_json_is_read_or_refused(changes: dict[str, Any], cell: object) -> None:
    """No shape of JSON makes the reader fail in another way."""
    data = {"nbformat": 4, "metadata": {}, "cells": [cell]} | changes
    try:
        read = read_notebook(json.dumps(data).encode(), name="n.ipynb")
    except NotebookFormatError:
        return
    assert read.n_code_cells > 0


@pytest.mark.parametrize(
    ("source", "experiment"),
    [
        ('mlflow.set_experiment("churn")', "churn"),
        ('print(f(1)())\nset_experiment(experiment_name="churn")', "churn"),
        ('%matplotlib inline\nimport mlflow\nmlflow.set_experiment("churn")', "churn"),
        ('def f():\n    if True:\n        mlflow.set_experiment("churn")', "churn"),
        ('mlflow.set_experiment(name)\nmlflow.set_experiment("later")', "later"),
        ('a.set_experiment("first"); b.set_experiment("second")', "first"),
        ('mlflow.set_experiment(f"{name}")', ""),
        ('mlflow.set_experiment(experiment_id="3")', ""),
        ('# mlflow.set_experiment("commented")', ""),
        ("text = 'mlflow.set_experiment(\"quoted\")'", ""),
        ("this is no python", ""),
    ],
)
def test_the_experiment_is_the_first_literal_one(source: str, experiment: str) -> None:
    """Only what is certain without running the code counts."""
    assert literal_experiment(notebook(source)) == experiment


def test_cells_are_searched_in_order_and_broken_ones_passed_over() -> None:
    """A cell that does not parse hides no other."""
    read = notebook("broken (", "x = 1", 'mlflow.set_experiment("a")', 'mlflow.set_experiment("b")')
    assert literal_experiment(read) == "a"


def test_another_language_is_not_searched() -> None:
    """R code is not read as Python."""
    metadata = {"kernelspec": {"name": "ir", "language": "R"}}
    read = notebook('set_experiment("x"); f("data/a.csv")', metadata=metadata)
    assert (literal_experiment(read), mentioned_paths(read)) == ("", [])


def test_paths_are_listed_once_with_the_first_cell() -> None:
    """Each path is told with the number of the code cell, as people count."""
    read = notebook('open("data/a.csv")', 'open("data/a.csv"); open("b.parquet")')
    assert mentioned_paths(read) == [(1, "data/a.csv"), (2, "b.parquet")]


@pytest.mark.parametrize(
    ("source", "paths"),
    [
        ('Path("data") / "raw" / "x.csv"', ["data/raw/x.csv"]),
        ('os.path.join("data", "x.csv")', ["data/x.csv"]),
        ('Path("/mnt", "x.csv")', ["/mnt/x.csv"]),
        ('ROOT / "x.csv"', ["x.csv"]),
        ('", ".join(["a.csv", "b.csv"])', ["a.csv", "b.csv"]),
        ('"a.csv".join(["x"])', ["a.csv"]),
        ('f"{folder}/x.csv"', []),
        ('"""See data/x.csv for more."""', []),
        ('"data/x.csv"', []),
        ('read("images/*.png")', ["images"]),
        ('a = {"data/x.csv": "y/z.json"}', ["data/x.csv", "y/z.json"]),
        ('%load_ext x\nread("data/x.csv")', ["data/x.csv"]),
        ('logging.getLogger("ray.data").setLevel("ERROR")', []),
        ('import_module("sklearn.model_selection")', []),
        ('Path("iris") / "iris.data"', ["iris/iris.data"]),
    ],
)
def test_paths_are_found_in_expressions_of_literals(source: str, paths: list[str]) -> None:
    """Joined literals are one path; formatted text and docstrings are none."""
    assert [path for _, path in mentioned_paths(notebook(source))] == paths


def test_a_long_chain_of_operators_is_no_trouble() -> None:
    """Code that a machine wrote can be deep."""
    read = notebook("x = " + " / ".join(["1"] * 900) + ' / "a.csv"')
    assert [path for _, path in mentioned_paths(read)] == ["a.csv"]


def test_the_work_of_a_notebook_is_its_code_and_its_kernel():
    """Outputs, counts, text and how JupyterLab writes the same source change nothing."""
    first = document("a = 1\n", ["b = 2\n", "c = 3"])
    same = document(["a = 1\n"], "b = 2\nc = 3")
    same["cells"][0] |= {"outputs": [{"output_type": "stream"}], "execution_count": 4}
    same["cells"].insert(0, {"cell_type": "markdown", "metadata": {}, "source": "# Title"})
    same["metadata"] = {"widgets": {"state": {}}, "kernelspec": {"display_name": "Python"}}
    tagged = document("a = 1\n", ["b = 2\n", "c = 3"])
    tagged["cells"][0]["metadata"] = {"tags": ["parameters"]}
    other = document("a = 1\n", "c = 3")
    kernel = first | {"metadata": {"kernelspec": {"name": "other"}}}

    work, *others = (
        work_of(json.dumps(item).encode()) for item in (first, same, tagged, other, kernel)
    )
    assert others[0] == work
    assert len({work, *others[1:]}) == 4


@pytest.mark.parametrize("data", [b"", b"[]", b'{"cells": [1]}', b"\xff", b'{"cells": 1}'])
def test_the_work_of_what_is_no_notebook_is_all_of_it(data):
    assert work_of(data) == data
