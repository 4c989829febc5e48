"""Notebooks to begin from, as the launcher asks for them."""

from __future__ import annotations

import json

import pytest

from tests.notebooks.test_notebooks_are_clean import TEMPLATES


async def test_each_starter_has_a_title_and_a_sentence(twin):
    """Those of its first cell."""
    listed = (await twin.get("/rayspace/starters"))["starters"]

    assert [item["name"] for item in listed] == [path.stem for path in TEMPLATES]
    for item, path in zip(listed, TEMPLATES, strict=True):
        first = "".join(json.loads(path.read_text("utf-8"))["cells"][0]["source"])
        assert first.startswith(f"# {item['title']}\n")
        assert item["description"].endswith(".")
        assert item["description"].split()[0] in first


async def test_a_copy_never_takes_the_place_of_another(twin):
    """It is as the template is, and a second one has a name of its own."""
    (twin.root / "work").mkdir()
    body = {"starter": "batch-inference", "folder": "work"}

    made = [(await twin.ask("POST", "/rayspace/starters", body)).json["path"] for _ in range(2)]

    assert made == ["work/batch-inference.ipynb", "work/batch-inference-1.ipynb"]
    template = next(path for path in TEMPLATES if path.stem == "batch-inference")
    for path in made:
        assert (twin.root / path).read_bytes() == template.read_bytes()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"starter": "nobody", "folder": ""}, 404, "notebook_not_found"),
        ({"starter": "../profiles/laptop", "folder": ""}, 404, "notebook_not_found"),
        ({"starter": "batch-inference", "folder": "../elsewhere"}, 404, "notebook_not_found"),
        ({"starter": "batch-inference", "folder": "no/such"}, 404, "notebook_not_found"),
        ({"starter": "batch-inference"}, 400, "usage"),
    ],
)
async def test_what_can_not_be_copied_is_refused(twin, body, status, code):
    """Neither a file that is no starter, nor a folder outside of the root."""
    answer = await twin.ask("POST", "/rayspace/starters", body)

    assert (answer.status, answer.json["code"]) == (status, code)
