"""Pythons of this machine: kernels of notebooks, and the packages that they have."""
