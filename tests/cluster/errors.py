"""What goes wrong with the test cluster itself, told so that it can be mended."""

from __future__ import annotations


class ClusterToolError(Exception):
    """The test cluster can't be built or started.

    Parameters
    ----------
    message
        What is wrong, one sentence.
    hint
        What mends it.
    """

    def __init__(self, message: str, *, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        """Return both."""
        return f"{self.message}\nhint:  {self.hint}"
