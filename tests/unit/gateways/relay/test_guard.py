"""What a relay lets pass."""

from __future__ import annotations

import pytest

from rayspace.gateways.relay.guard import stays_below


@pytest.mark.parametrize(
    ("path", "stays"),
    [("/a/b?c=../d", True), ("/..", False), ("/a/%2e%2e/b", False), ("/a%2f..%2fb", False),
     ("/a/%252e%252e/b", False), ("/a\\..\\b", False), ("//a", True), ("a", False), ("/...", True),
     ("/a/%00", False), ("/a/./b", False), ("/a/%25252e%25252e/b", False), ("/a%5c..%5cb", False)],
)  # fmt: skip
def test_paths_stay_below(path, stays):
    """However they are written."""
    assert stays_below(path) == stays
