"""The image is the one that fits this machine, unless somebody names another."""

from __future__ import annotations

import pytest

from rayspace.core.images.choice import choose_image, mismatch


@pytest.mark.parametrize(
    ("asked", "configured", "has_gpu", "image", "source"),
    [
        ("", "", False, "rayproject/ray:2.60.0-py311", "matched"),
        ("", "", True, "rayproject/ray:2.60.0-py311-gpu", "matched"),
        ("", "r.example/ray:{ray}-{python}", False, "r.example/ray:2.60.0-3.11", "namespace"),
        ("mine:1", "r.example/ray:{ray}", True, "mine:1", "asked"),
    ],
)
def test_who_names_an_image_gets_it(asked, configured, has_gpu, image, source) -> None:
    """A person over the administrator over what fits."""
    choice = choose_image(asked, configured, "2.60.0", "3.11.7", has_gpu=has_gpu)
    assert (choice.image, choice.source) == (image, source)


@pytest.mark.parametrize(
    ("image", "told"),
    [
        ("rayproject/ray:2.60.0-py311", ""),
        ("rayproject/ray:2.59.0-py311-gpu", "Ray 2.59.0, here is Ray 2.60.0"),
        ("r.example/team/ray:2.60.0-py310", "Python 3.10, here is Python 3.11"),
        ("rayproject/ray:2.60.0", "Python 3.10, here is Python 3.11"),
        ("r.example/team/ours:latest", ""),
    ],
)
def test_another_version_is_told_where_it_is_known(image, told) -> None:
    """Before ten minutes are lost on it."""
    choice = choose_image(image, "", "2.60.0", "3.11.7", has_gpu=False)
    assert mismatch(choice, "2.60.0", "3.11.7").endswith(told)
    assert bool(mismatch(choice, "2.60.0", "3.11.7")) == bool(told)


def test_without_ray_here_nothing_is_a_mismatch() -> None:
    """The base install has none, and matches the newest that is known."""
    assert choose_image("", "", "", "3.12.1", has_gpu=False).image.endswith("-py312")
    choice = choose_image("rayproject/ray:2.50.0-py310", "", "", "3.12.1", has_gpu=False)
    assert mismatch(choice, "", "3.12.1") == ""
