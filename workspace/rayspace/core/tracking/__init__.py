"""Tracking servers: which one is meant, and whether it can be used."""
