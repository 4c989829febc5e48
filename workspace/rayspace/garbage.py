"""How often a process of our own looks for garbage."""

from __future__ import annotations

import gc


def collect_seldom() -> None:
    """Look for garbage less often than usual.

    A short process spends a fifth to a third of its time on looking through MLflow's modules, in
    vain.
    """
    gc.set_threshold(50_000, 20, 100)
