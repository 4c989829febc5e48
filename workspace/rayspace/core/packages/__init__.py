"""The packages that a notebook needs."""
