"""The files that travel with a job."""
