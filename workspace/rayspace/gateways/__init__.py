"""One module per outside system. Its errors become ours here, and nowhere else."""
