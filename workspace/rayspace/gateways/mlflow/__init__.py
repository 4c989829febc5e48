"""MLflow: its runs, what it raises, and servers of its own on this machine."""
