"""Quantities of Kubernetes, and amounts for people."""

from __future__ import annotations

import pytest

from rayspace.core.diagnosis.quantities import (
    amount_text,
    bare_amount,
    is_gpu,
    quantities,
    quantity,
)


@pytest.mark.parametrize(
    ("text", "amount"),
    [
        ("2", 2),
        (2, 2),
        (1.5, 1.5),
        ("250m", 0.25),
        ("64050m", 64.05),
        ("1k", 1000),
        ("1Ki", 1024),
        ("8Gi", 8 * 2**30),
        ("1Ei", 2**60),
        ("1E", 10**18),
        ("1E3", 1000),
        ("12e6", 12e6),
        ("1e-3", 0.001),
        (".5", 0.5),
        ("5.", 5),
        ("+1", 1),
        ("-1", -1),
        ("100n", 1e-7),
        ("7u", 7e-6),
        (" 1Mi ", 2**20),
    ],
)
def test_a_quantity_is_read(text: object, amount: float) -> None:
    """Binary and decimal suffixes, exponents and plain numbers."""
    assert quantity(text) == pytest.approx(amount, rel=1e-12)


@pytest.mark.parametrize(
    "text", ["", "Gi", "1GiB", "1 Gi", "many", "1e999", "0x10", "nan", None, True, [], {}, "1mm"]
)
def test_what_is_no_quantity_is_unknown(text: object) -> None:
    """It is neither zero nor an error."""
    assert quantity(text) is None


def test_amounts_that_can_not_be_read_are_left_out() -> None:
    """The others stay."""
    assert quantities({"cpu": "2", "memory": "lots"}) == {"cpu": 2}


@pytest.mark.parametrize(
    ("resource", "amount", "text", "bare"),
    [
        ("cpu", 64, "64 CPUs", "64"),
        ("requests.cpu", 1, "1 CPU", "1"),
        ("limits.memory", 8 * 2**30, "8.0 GiB of memory", "8.0 GiB"),
        ("ephemeral-storage", 2**30, "1.0 GiB of ephemeral storage", "1.0 GiB"),
        ("requests.nvidia.com/gpu", 8, "8 GPUs (nvidia.com/gpu)", "8"),
        ("count/pods", 3, "3 pods", "3"),
    ],
)
def test_an_amount_is_written_for_people(resource, amount, text, bare) -> None:
    """By the name that people use, whatever a quota calls it."""
    assert (amount_text(resource, amount), bare_amount(resource, amount)) == (text, bare)


def test_slices_are_gpus_too() -> None:
    """A CPU is none."""
    names = ["nvidia.com/gpu", "amd.com/gpu", "nvidia.com/mig-1g.5gb", "gpu.intel.com/i915"]
    assert all(is_gpu(name) for name in names)
    assert not any(is_gpu(name) for name in ["cpu", "memory", "google.com/tpu"])
