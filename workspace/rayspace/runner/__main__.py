"""Run a job: ``python -m rayspace.runner``."""

from rayspace.runner.supervisor import main

if __name__ == "__main__":
    raise SystemExit(main())
