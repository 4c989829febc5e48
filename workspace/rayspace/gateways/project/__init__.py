"""The files of a project: which there are, which travel with a job, and how they are packed."""
