"""Remember which process tracks which run, so that none seems to go on for ever.

A killed kernel can't end its run. It leaves a file, by which the next session that tracks anything
finds that the process is gone, and marks the run.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from rayspace.errors import JobNotFoundError, RayspaceError
from rayspace.model.run import RunStatus, Tag
from rayspace.runner.processes import ProcessIdentity, identify

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rayspace.gateways.contracts import RunGateway


class Marks:
    """Files of one directory, one for each run that is tracked from this machine.

    Parameters
    ----------
    directory
        Where; it is made when it is needed.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def set(self, run_id: str, target: str) -> None:
        """Note that this process tracks a run."""
        self._directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        me = identify(os.getpid())
        fields = {"target": target, "pid": os.getpid(), "started": me.started if me else ""}
        path = self._directory / f"{run_id}.json"
        new = path.with_suffix(".part")
        new.write_text(json.dumps(fields), "utf-8")
        new.replace(path)

    def clear(self, run_id: str) -> None:
        """Note that the run has ended."""
        (self._directory / f"{run_id}.json").unlink(missing_ok=True)

    def close_forgotten(self, runs_of: Callable[[str], RunGateway]) -> list[str]:
        """End the runs whose process is gone.

        Parameters
        ----------
        runs_of
            Returns the runs of a target.

        Returns
        -------
        list of str
            Names of the runs that were ended. Those whose server does not answer are left for
            another time.
        """
        closed = []
        for path in sorted(self._directory.glob("*.json")):
            try:
                fields = json.loads(path.read_text("utf-8"))
                owner = ProcessIdentity(int(fields["pid"]), str(fields["started"]))
                target = str(fields["target"])
            except (OSError, ValueError, KeyError, TypeError):
                # Ended at this moment, or written by somebody else.
                continue
            if owner.is_alive:
                continue
            try:
                runs = runs_of(target)
                record = runs.get(path.stem)
                if not record.status.is_terminal:
                    runs.update(path.stem, tags={Tag.SUMMARY: "The process that tracked it ended."})
                    runs.set_status(path.stem, RunStatus.KILLED)
                    closed.append(record.name)
            except JobNotFoundError:
                # Somebody deleted the run.
                pass
            except RayspaceError:
                continue
            path.unlink(missing_ok=True)
        return closed
