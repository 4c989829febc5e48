"""The program that runs a job beside Ray. Importing this package imports nothing else."""
