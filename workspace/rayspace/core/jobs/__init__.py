"""Jobs and sweeps: what is asked for, where they stand, and how they ended."""
