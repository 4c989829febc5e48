"""Decide which files travel with a job, whatever the disk holds.

Secrets never travel, and what tools make again does not unless it is asked for by name. The lists
are this project's; they name files by the habits of the tools that write them. No file is read.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
import shlex
from typing import TYPE_CHECKING

from rayspace.errors import BundleError
from rayspace.model.bundle import Skip
from rayspace.units import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from rayspace.model.bundle import BundleFile, BundlePlan, Skipped

#: A single file above this is data, which a job should read from storage. [bytes]
FILE_LIMIT_BYTES = 500 * 2**20
#: All files together, those of ``--include`` aside: a bundle is uploaded for each job. [bytes]
TOTAL_LIMIT_BYTES = 2**30
#: More are a sign of a wrong root, such as a home directory. [1]
FILES_LIMIT = 20_000

#: Names, in lower case, of files and directories that hold credentials; with a slash the last two
#: components count.
_SECRETS = """
.env .env.* .envrc *.pem *.key *.p12 *.pfx *.jks *.keystore *.kdbx *.ppk *.gpg
id_rsa* id_dsa* id_ecdsa* id_ed25519* .netrc _netrc .pypirc .npmrc .pgpass .htpasswd .my.cnf
.git-credentials .vault-token .boto .s3cfg .databrickscfg kubeconfig kubeconfig.* *.kubeconfig
credentials.json credentials.csv client_secret*.json service-account*.json service_account*.json
serviceaccount*.json application_default_credentials.json kaggle.json
secrets.toml secrets.json secrets.yaml secrets.yml *.tfstate *.tfvars
.ssh .aws .azure .kube .gnupg .docker/config.json .config/gcloud .huggingface/token
huggingface/token .ray/auth_token .rayspace/config.json
"""
#: Directories of tools.
_GENERATED_DIRS = """
__pycache__ .ipynb_checkpoints .virtual_documents node_modules mlruns mlartifacts *.runs
.mypy_cache .ruff_cache .pytest_cache .hypothesis .tox .nox .eggs *.egg-info .cache .local .npm
.conda .Trash* .rayspace-cache
"""
_GENERATED_FILES = "mlflow.db* *.py[co] .DS_Store Thumbs.db *.swp .coverage .~*"
_VERSION_CONTROL = {".git", ".hg", ".svn", ".jj"}


def _matcher(patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns.split()))


_SECRET = _matcher(_SECRETS)
_GENERATED_DIR = _matcher(_GENERATED_DIRS)
_GENERATED_FILE = _matcher(_GENERATED_FILES)


def skip_by_name(path: str, *, is_dir: bool) -> tuple[Skip, str] | None:
    """Tell whether the name alone keeps an entry back.

    Parameters
    ----------
    path
        Path below the root, with ``/``.
    is_dir
        Whether it is a directory.

    Returns
    -------
    tuple or None
        Why, for programs and for people; None where it may travel.
    """
    name = posixpath.basename(path)
    if name in _VERSION_CONTROL:
        return Skip.VERSION_CONTROL, "version control"
    if is_secret(path):
        return Skip.SECRET, "may hold credentials, which never travel"
    if (_GENERATED_DIR if is_dir else _GENERATED_FILE).fullmatch(name):
        return Skip.GENERATED, "made by a tool"
    return None


def is_secret(path: str) -> bool:
    """Tell whether a file or directory is one that holds credentials, by its name."""
    lower = path.lower()
    last_two = "/".join(lower.split("/")[-2:])
    return any(_SECRET.fullmatch(text) for text in (posixpath.basename(lower), last_two))


def check_size(files: Iterable[BundleFile], total_limit_bytes: int) -> None:
    """Refuse a bundle that is too large.

    Parameters
    ----------
    files
        The files that travel without having been asked for by name.
    total_limit_bytes
        How large they may be together. [bytes]

    Raises
    ------
    BundleError
        If they are larger.
    """
    largest = sorted(files, key=lambda file: -file.size_bytes)
    total_bytes = sum(file.size_bytes for file in largest)
    if total_bytes <= total_limit_bytes:
        return
    named = ", ".join(f"{file.path} ({format_bytes(file.size_bytes)})" for file in largest[:3])
    raise BundleError(
        f"The files that would travel have {format_bytes(total_bytes)}, more than"
        f" {format_bytes(total_limit_bytes)}; the largest are {named}.",
        hint="List what the job does not need in .rayspaceignore, or name what it needs with"
        " --include, which has no limit.",
        details={
            "total_bytes": total_bytes,
            "limit_bytes": total_limit_bytes,
            "largest": [file.path for file in largest[:5]],
        },
    )


def check_count(paths: Collection[str], files_limit: int) -> None:
    """Refuse a bundle of too many files.

    Parameters
    ----------
    paths
        Paths of the files that travel, as far as they are known.
    files_limit
        How many there may be. [1]

    Raises
    ------
    BundleError
        If there are more.
    """
    if len(paths) <= files_limit:
        return
    by_folder: dict[str, int] = {}
    for path in paths:
        folder = path.partition("/")[0] + "/" if "/" in path else "the project directory itself"
        by_folder[folder] = by_folder.get(folder, 0) + 1
    fullest = max(by_folder, key=lambda folder: by_folder[folder])
    raise BundleError(
        f"More than {files_limit} files would travel; most of them are in {fullest}.",
        hint="List what the job does not need in .rayspaceignore, or put the notebook in a"
        " directory of its own.",
        details={"limit": files_limit, "fullest": fullest},
    )


def path_warnings(
    plan: BundlePlan,
    mentions: Iterable[tuple[int, str]],
    exists: Callable[[str], bool],
    *,
    same_machine: bool = False,
) -> list[str]:
    """Say which files that the notebook mentions will be missing when it runs.

    Parameters
    ----------
    plan
        What travels.
    mentions
        Number of a code cell, from 1, and a path in its code. [1]
    exists
        Tells whether an absolute path, or one that begins with ``~``, exists here. What does not
        exist may be a file that the notebook writes, and is not warned of.
    same_machine
        Whether the job runs on this machine, where absolute paths hold.

    Returns
    -------
    list of str
        One sentence for each, with the way out.
    """
    root = str(plan.root)
    travels = {file.path for file in plan.files}
    folders = {parent for path in travels for parent in _parents(path)}
    home = posixpath.join(root, posixpath.dirname(plan.notebook))
    links = {file.path: file.link_target for file in plan.files if file.link_target}
    warnings = []
    for cell_number, mention in mentions:
        is_absolute = mention.startswith(("/", "~"))
        path = mention if mention[0] == "~" else posixpath.normpath(posixpath.join(home, mention))
        inside = posixpath.relpath(path, root) if path.startswith(f"{root}/") else ""
        inside = _followed(inside, links)
        if path == root or (is_absolute and same_machine) or not exists(path):
            continue
        where = f"Code cell {cell_number} mentions {mention!r}, which"
        if is_absolute and inside in travels | folders:
            relative = posixpath.relpath(path, home)
            warnings.append(
                f"{where} is a path of this machine; write {relative!r}, which travels."
            )
        elif is_absolute or not inside:
            warnings.append(
                f"{where} lies outside the project and does not travel; copy it into"
                f" {root}, or read it from storage that the job can reach."
            )
        elif inside not in travels and inside not in folders:
            warnings.append(f"{where} does not travel{_way_out(plan.skipped, inside)}")
    return warnings


def _followed(path: str, links: Mapping[str, str]) -> str:
    """Return what a path means where a directory above it is a link; links lead to no links."""
    for link in [*_parents(path), path]:
        if link in links:
            rest = path[len(link) :].lstrip("/")
            target = posixpath.join(posixpath.dirname(link), links[link], rest)
            return posixpath.normpath(target)
    return path


def _way_out(skipped: Iterable[Skipped], inside: str) -> str:
    """Say why a path stays behind, and what to do about it."""
    above = {f"{inside}/", inside, *(f"{parent}/" for parent in _parents(inside))}
    item = next((item for item in skipped if item.path in above), None)
    if item is None:
        return " (it holds no file that travels); create it in the notebook if it writes there."
    if item.kind is Skip.SECRET:
        return f" ({item.reason}); pass the secret to the job as an environment variable."
    if item.kind is Skip.LINK:
        return f" ({item.reason}); put a copy in its place, or read from where it points to."
    if item.kind.is_final:
        return f" ({item.reason})."
    return f" ({item.reason}); add --include {shlex.quote(inside)}"


def _parents(path: str) -> list[str]:
    parts = path.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts))]
