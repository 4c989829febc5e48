"""Watch the own cluster: ``python -m rayspace.watcher``."""

from rayspace.watcher.program import main

if __name__ == "__main__":
    raise SystemExit(main())
