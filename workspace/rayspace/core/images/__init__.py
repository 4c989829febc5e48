"""Images of clusters: which one fits, and how one is built."""
