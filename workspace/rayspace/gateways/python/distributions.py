"""Ask a Python which packages it has, and which of them hold the modules that a notebook imports.

The notebook's kernel may be another Python than ours, so it is asked in a process of its own; no
package is imported there. Sources: PEP 376 and PEP 610 for what the metadata of a package says.
"""

from __future__ import annotations

import json
import os
import subprocess
from typing import TYPE_CHECKING

from rayspace.core.packages.pins import without_user
from rayspace.errors import VersionMismatchError
from rayspace.model.packages import Distribution, InstalledPackages

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Reading the metadata of hundreds of packages from a cold disk. [s]
_TIMEOUT_S = 60.0
_PROGRAM = r"""
import importlib.machinery, importlib.metadata, importlib.util, json, platform, re, sys

wanted = json.load(sys.stdin)
tops = {name.partition(".")[0] for name in wanted}
suffixes = sorted(importlib.machinery.all_suffixes(), key=len, reverse=True)

def plain(name):
    return re.sub(r"[-_.]+", "-", name).lower()

def stem(path):
    for suffix in suffixes:
        if path.endswith(suffix):
            return path[: -len(suffix)]
    return ""

def headers(item):
    # What an e-mail parser would say, in a hundredth of its time.
    text = item.read_text("METADATA")
    if text is None:
        # An older form, which keeps what is required elsewhere.
        said = [("Name", item.metadata["Name"] or ""), ("Version", item.version)]
        said += [("Requires-Dist", line) for line in item.requires or ()]
        return "\n".join("%s: %s" % pair for pair in said)
    return re.split(r"\n\r?\n", text, maxsplit=1)[0]

def header(text, name):
    match = re.search(r"^%s:[ \t]*(\S+)" % name, text, re.MULTILINE)
    return match[1] if match else ""

def requires(text):
    found = set()
    for line in re.findall(r"^Requires-Dist:[ \t]*(.+)", text, re.MULTILINE):
        name = re.match(r"[A-Za-z0-9._-]+", line)
        if name and not re.search(r"\bextra\s*==", line):
            found.add(plain(name[0]))
    return sorted(found)

def origin(item):
    try:
        said = json.loads(item.read_text("direct_url.json") or "{}")
    except ValueError:
        return "", ""
    url = said.get("url", "")
    if said.get("dir_info", {}).get("editable"):
        return "", url
    vcs = said.get("vcs_info") or {}
    if vcs:
        return "%s+%s@%s" % (vcs.get("vcs", "git"), url, vcs.get("commit_id", "")), ""
    return url, ""

def files(item):
    # Lists of files are long: only lines that begin with a wanted module are looked at.
    text = item.read_text("RECORD")
    if text is None:
        return map(str, item.files or ())
    return (line.partition(",")[0].strip('"') for line in begins.findall(text))

begins = re.compile(r'^"?(?:%s)[./].*' % ("|".join(map(re.escape, tops)) or "(?!)"), re.MULTILINE)
found, held = {}, {}
for item in importlib.metadata.distributions():
    text = headers(item)
    name = header(text, "Name")
    if not name or plain(name) in found:
        continue
    url, editable = origin(item)
    found[plain(name)] = {
        "name": name, "version": header(text, "Version"), "requires": requires(text), "url": url,
        "editable": editable,
    }
    for path in files(item):
        top = path.partition("/")[0]
        if path.partition(".")[0] not in tops and top not in tops:
            continue
        parts = stem(path).split("/")
        if parts == [""]:
            continue
        if parts[-1] == "__init__":
            parts.pop()
        for depth in range(1, len(parts) + 1):
            held.setdefault(".".join(parts[:depth]), set()).add(plain(name))
    for top in (item.read_text("top_level.txt") or "").split():
        if top in tops:
            held.setdefault(top, set()).add(plain(name))

owners, folders = {}, {}
for name in wanted:
    if name in held:
        owners[name] = sorted(held[name])
editables = [name for name, item in found.items() if item["editable"]]
sys.path[:] = [path for path in sys.path if path]
for top in sorted(tops if editables else ()):
    owner = [name for name in owners.get(top, ()) if name in editables]
    if owners.get(top) and not owner:
        continue
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        continue
    places = list(spec.submodule_search_locations or ()) if spec else []
    place = places[0] if places else (spec.origin or "") if spec else ""
    if not place or place in ("built-in", "frozen"):
        continue
    import os.path, urllib.parse
    for name in owner or editables:
        root = urllib.parse.unquote(urllib.parse.urlsplit(found[name]["editable"]).path)
        if os.path.realpath(place).startswith(os.path.realpath(root) + os.sep):
            owners[top], folders[top] = [name], os.path.dirname(os.path.realpath(place))
print(json.dumps({
    "python": platform.python_version(), "distributions": found, "owners": owners,
    "folders": folders,
}))
"""


def installed_packages(python: str, names: Iterable[str]) -> InstalledPackages:
    """Ask a Python what it has.

    Parameters
    ----------
    python
        Path of the interpreter.
    names
        Dotted names of modules: of each it is told which packages hold it.

    Returns
    -------
    InstalledPackages
        Its packages, and where those modules are from.

    Raises
    ------
    VersionMismatchError
        If the interpreter does not run, or not in time.
    """
    left_out = {"PYTHONSTARTUP", "PYTHONINSPECT"}
    environment = {name: value for name, value in os.environ.items() if name not in left_out}
    try:
        answer = subprocess.run(
            [python, "-c", _PROGRAM],
            input=json.dumps(sorted(set(names))),
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_S,
            check=True,
            env=environment,
        )
        found = json.loads(answer.stdout)
        return InstalledPackages(
            python=found["python"],
            distributions={
                key: Distribution(
                    name=item["name"],
                    version=item["version"],
                    requires=tuple(item["requires"]),
                    url=without_user(item["url"]),
                    editable=item["editable"],
                )
                for key, item in found["distributions"].items()
            },
            owners={name: tuple(owners) for name, owners in found["owners"].items()},
            folders=dict(found["folders"]),
        )
    except (OSError, subprocess.SubprocessError, ValueError, KeyError, TypeError) as exc:
        raise VersionMismatchError(
            f"The interpreter {python} does not say which packages it has.",
            hint="Repair its environment, or ship the notebook with: --packages image",
            details={"python": python},
        ) from exc
