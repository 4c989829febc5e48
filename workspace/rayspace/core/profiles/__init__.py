"""Profiles, and what administrators and people put above and below them."""
