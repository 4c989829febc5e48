"""Text that names a file is told from other text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rayspace.core.notebooks.path_text import mentioned_path


@pytest.mark.parametrize(
    "text",
    [
        "data/train.csv",
        "train.csv",
        "./helpers.py",
        "../data/x.parquet",
        "/mnt/data/x.bin",
        "~/data/x.txt",
        "models/v1.2/model.pt",
        "My data/file 1.csv",
        "year=2024/part.0.parquet",
        "données/été.csv",
        "data/raw",
        "archive.tar.gz",
        "X.CSV",
        "iris/iris.data",
        "./adult.data",
        "models/m.model",
        "app.log",
    ],
)
def test_paths_are_recognised(text: str) -> None:
    """A known extension, or components with slashes, make a path."""
    assert mentioned_path(text) == text


@pytest.mark.parametrize(
    ("text", "path"),
    [("data/*.csv", "data"), ("aa/bb/**/*.png", "aa/bb"), ("data/run[0-9]/x.csv", "data")],
)
def test_of_a_glob_the_directory_counts(text: str, path: str) -> None:
    """What comes before the first wildcard is certain."""
    assert mentioned_path(text) == path


def test_a_trailing_slash_is_left_out() -> None:
    """A directory is named without its slash."""
    assert mentioned_path("data/raw/") == "data/raw"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "./",
        "..",
        "hello",
        "hello world",
        "km/h",
        "n/a",
        "1/2",
        "01/02/2024",
        "%d/%m/%Y",
        "text/csv",
        "image/png",
        "application/vnd.ms-excel",
        "https://example.org/data.csv",
        "s3://bucket/data.csv",
        "data:text/plain,x",
        "C:\\data\\x.csv",
        "<b>bold</b>",
        ".csv",
        "*.csv",
        "**/*.csv",
        "//host/share.csv",
        "a line\nwith/breaks.csv",
        "{folder}/x.csv",
        "$HOME/x.csv",
        " data/x.csv",
        r"\d+/\d+",
        "x" * 400 + ".csv",
        "v1.0",
        "example.org",
        "ray.data",
        "tf.data",
        "xgboost.model",
        "sklearn.model_selection",
        "torch.utils.data",
        "mlflow.pyfunc",
    ],
)
def test_other_text_is_no_path(text: str) -> None:
    """URLs, media types, dates, units, markup and patterns are no files."""
    assert mentioned_path(text) is None


@given(st.text())
def test_any_text_is_judged(text: str) -> None:
    """What is called a path is a part of the text."""
    path = mentioned_path(text)
    assert path is None or (path and path in text)
