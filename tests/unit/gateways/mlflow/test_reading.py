"""Answers of MLflow that break off in the middle."""

from __future__ import annotations

import pytest

from rayspace.errors import GatewayUnavailableError
from rayspace.gateways.mlflow.errors import read_again


class ChunkedEncodingError(Exception):
    """As requests calls it."""


def reader(n_failures: int, cause: Exception):
    """Return what fails so often, and a list of its calls."""
    calls: list[str] = []

    @read_again
    def read(name: str) -> str:
        calls.append(name)
        if len(calls) <= n_failures:
            message = "MLflow does not answer."
            raise GatewayUnavailableError(message, system="MLflow", operation="read") from cause
        return f"read {name}"

    return read, calls


def test_half_an_answer_is_asked_for_once_more() -> None:
    """Once, not for ever."""
    read, calls = reader(1, ChunkedEncodingError())
    assert read("a") == "read a"
    assert calls == ["a", "a"]
    read, calls = reader(2, ChunkedEncodingError())
    with pytest.raises(GatewayUnavailableError):
        read("a")
    assert calls == ["a", "a"]


def test_no_answer_at_all_was_tried_often_enough() -> None:
    """By MLflow's own client."""
    read, calls = reader(1, ConnectionError())
    with pytest.raises(GatewayUnavailableError):
        read("a")
    assert calls == ["a"]
