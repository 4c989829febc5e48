"""The version of rayspace, in one place that also a zip archive can read."""

__version__ = "0.1.0"
