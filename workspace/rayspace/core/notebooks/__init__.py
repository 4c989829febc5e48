"""Notebooks, read without running them, and their parameters."""
