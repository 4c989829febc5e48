"""Keep every sample of a cluster whose GPUs are too many for series of their own.

The file is CSV, packed by gzip. Parquet would need pyarrow, which an image of Ray has only with
``ray[data]``, and which takes a runner 50 MB to import; a file that is sometimes one and sometimes
the other helps nobody. ``pandas.read_csv`` and ``pyarrow.csv`` read it as it is. Each batch is a
stream of its own, so what a killed runner leaves is whole up to its last batch.
"""

from __future__ import annotations

import csv
import gzip
import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from rayspace.model.measurement import ClusterReading

#: Eight thousand GPUs fill this in days. [bytes]
LARGEST_BYTES = 1 << 30
_COLUMNS = (
    "time_ms", "node", "gpu", "utilization_percentage", "memory_used_bytes", "memory_total_bytes",
    "power_w", "temperature_c", "processes", "cpu_utilization_percentage",
)  # fmt: skip


class SampleFile:
    """Appends readings to one file.

    Parameters
    ----------
    path
        The file; it is made with the first reading.
    largest_bytes
        How large it may become.
    """

    def __init__(self, path: Path, largest_bytes: int = LARGEST_BYTES) -> None:
        self._path = path
        self._largest_bytes = largest_bytes
        self._n_bytes = 0
        #: Readings that were left out, since the file is as large as it may be, or can't be
        #: written. [1]
        self.n_left_out = 0

    def add(self, reading: ClusterReading, names: Mapping[str, str], at_ms: int) -> None:
        """Append a reading: one row per GPU, and one per node, whose GPU is empty.

        Parameters
        ----------
        reading
            All nodes that live.
        names
            Name by node id.
        at_ms
            When it was taken. [ms since 1970-01-01 UTC]
        """
        if self._n_bytes >= self._largest_bytes:
            self.n_left_out += 1
            return
        text = io.StringIO()
        rows = csv.writer(text, lineterminator="\n")
        if not self._n_bytes:
            rows.writerow(_COLUMNS)
        for node in reading.nodes:
            name = names[node.node_id]
            used, total = node.memory_used_bytes, node.memory_total_bytes
            rows.writerow((at_ms, name, "", None, used, total, None, None, None, node.cpu_percent))
            rows.writerows(
                (
                    *(at_ms, name, gpu.key, gpu.busy_percent, gpu.memory_used_bytes),
                    *(gpu.memory_total_bytes, gpu.power_w, gpu.temperature_c),
                    *(None if gpu.pids is None else len(gpu.pids), None),
                )
                for gpu in node.gpus
            )
        packed = gzip.compress(text.getvalue().encode(), compresslevel=1, mtime=0)
        try:
            self._path.parent.mkdir(exist_ok=True)
            with self._path.open("ab") as stream:
                stream.write(packed)
        except OSError:
            # The disk is full, perhaps for now; figures of the whole are kept all the same.
            self.n_left_out += 1
            return
        self._n_bytes += len(packed)
