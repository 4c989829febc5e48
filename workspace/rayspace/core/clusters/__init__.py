"""Clusters: what is asked for, which one is meant, whose it is, and whether it is used."""
