"""Pack this package as one file that a job's cluster can run: it need not have rayspace."""

from __future__ import annotations

import hashlib
import os
import tempfile
import zipfile
from pathlib import Path

from rayspace.gateways.templates import templates_dir

_MAIN = "from rayspace.runner.supervisor import main\n\nraise SystemExit(main())\n"
#: zip can't hold an earlier time; a fixed one makes equal content an equal file.
_TIME = (1980, 1, 1, 0, 0, 0)


def _members() -> dict[str, bytes]:
    package = Path(__file__).parent.parent
    members = {"__main__.py": _MAIN.encode()}
    for path in sorted(package.rglob("*.py")):
        relative = path.relative_to(package).as_posix()
        if not relative.startswith(("server/", "labextension/", "templates/")):
            members[f"rayspace/{relative}"] = path.read_bytes()
    profiles = templates_dir() / "profiles"
    for path in sorted(profiles.glob("*.yaml")):
        members[f"rayspace/templates/profiles/{path.name}"] = path.read_bytes()
    return members


def runner_archive(directory: Path) -> Path:
    """Return the archive of this version, made if it is not there yet.

    Parameters
    ----------
    directory
        Where archives are kept, by their content.

    Returns
    -------
    pathlib.Path
        A zip file that Python runs.
    """
    inherited = os.environ.get("RAYSPACE_RUNNER_PATH", "")
    if inherited.endswith(".zip") and Path(inherited).exists():
        return Path(inherited)
    members = _members()
    digest = hashlib.sha256()
    for name, content in members.items():
        digest.update(f"{name}\0{len(content)}\0".encode())
        digest.update(content)
    path = directory / f"rayspace-runner-{digest.hexdigest()[:16]}.zip"
    if path.exists():
        return path
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    handle, temporary = tempfile.mkstemp(dir=directory, prefix=".runner-")
    with os.fdopen(handle, "wb") as stream, zipfile.ZipFile(stream, "w") as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name, _TIME), content, zipfile.ZIP_DEFLATED)
    Path(temporary).replace(path)
    return path
