"""Ray on this machine: heads and workers as process groups, a state file for each cluster."""
