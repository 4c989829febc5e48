"""Track interactive work: a run for the nodes, and for what the cells of a notebook log."""
