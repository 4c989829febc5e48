"""Pack the watcher as one file, small enough for a Secret: a head need not have rayspace."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path

_MAIN = "from rayspace.watcher.program import main\n\nraise SystemExit(main())\n"
#: zip can't hold an earlier time; a fixed one makes equal content an equal file.
_TIME = (1980, 1, 1, 0, 0, 0)
#: What the watcher imports of this package beside itself; all of it needs no other package.
_IMPORTED = (
    "__init__.py",
    "core/__init__.py",
    "core/clusters/__init__.py",
    "core/clusters/activity.py",
    "errors.py",
    "gateways/__init__.py",
    "gateways/exchange.py",
    "gateways/pod_api.py",
    "units.py",
    "version.py",
)


def _members() -> dict[str, bytes]:
    package = Path(__file__).parent.parent
    watcher = [path.relative_to(package).as_posix() for path in (package / "watcher").glob("*.py")]
    names = sorted([*_IMPORTED, *watcher])
    return {
        "__main__.py": _MAIN.encode(),
        **{f"rayspace/{name}": (package / name).read_bytes() for name in names},
    }


def watcher_archive(destination: Path) -> Path:
    """Write the archive; equal versions make equal files.

    Parameters
    ----------
    destination
        The file to write; one that is there is replaced.

    Returns
    -------
    pathlib.Path
        ``destination``: a zip file that Python runs, 3.10 or newer, in any image.
    """
    destination.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=destination.parent, prefix=".watcher-")
    with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, content in _members().items():
            archive.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)
    Path(temporary).replace(destination)
    return destination
