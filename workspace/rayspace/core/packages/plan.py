"""Decide what is to be done about the packages that a notebook needs: values in, values out.

Ray is never installed and never changed: a job with another Ray than its cluster's fails. MLflow
travels as its client, which is what the runner needs anyway: the server and its libraries weigh
hundreds of MiB. Names of packages that differ from those of their modules are this project's list.
"""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from rayspace.core.packages.pins import plain_name, requirement_name
from rayspace.model.packages import Editable, PackagePlan, PackagesMode, Requirement

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from rayspace.model.packages import Distribution, ImportedModule, InstalledPackages, Pins

#: Where a module is from whose package is not installed here.
_PACKAGE_OF = {
    "attr": "attrs",
    "bs4": "beautifulsoup4",
    "Crypto": "pycryptodome",
    "cv2": "opencv-python-headless",
    "dateutil": "python-dateutil",
    "docx": "python-docx",
    "dotenv": "python-dotenv",
    "faiss": "faiss-cpu",
    "fitz": "PyMuPDF",
    "git": "GitPython",
    "googleapiclient": "google-api-python-client",
    "igraph": "python-igraph",
    "jose": "python-jose",
    "jwt": "PyJWT",
    "Levenshtein": "python-Levenshtein",
    "MySQLdb": "mysqlclient",
    "OpenSSL": "pyOpenSSL",
    "PIL": "Pillow",
    "psycopg2": "psycopg2-binary",
    "pynvml": "nvidia-ml-py",
    "pptx": "python-pptx",
    "pytorch_lightning": "pytorch-lightning",
    "sentence_transformers": "sentence-transformers",
    "serial": "pyserial",
    "skimage": "scikit-image",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "usb": "pyusb",
    "yaml": "PyYAML",
    "zmq": "pyzmq",
}
#: Modules that are there wherever a job runs, and those that only their own place has.
_BROUGHT = {"rayspace", "ray", "IPython", "ipykernel", "pip", "setuptools", "pkg_resources"}
#: Packages that must not be changed for a job.
_NEVER = {"ray", "ray-cpp", "rayspace", "pip", "setuptools"}
#: Full MLflow and its client share their modules.
_CLIENT_OF = {"mlflow": "mlflow-skinny", "mlflow-tracing": "mlflow-skinny"}
#: Where editable installs from outside the project go in the bundle.
ADDED_DIR = ".rayspace-editable"


def plan_packages(
    mode: PackagesMode,
    imports: Sequence[ImportedModule],
    installed: InstalledPackages,
    pins: Pins | None = None,
    *,
    root: str = "",
) -> PackagePlan:
    """Decide what is to be done.

    Parameters
    ----------
    mode
        What was asked for.
    imports
        What the notebook and the modules that travel with it import.
    installed
        What the notebook's own Python has.
    pins
        Versions that the project's files name; used by ``sync`` only.
    root
        The directory that travels, as an absolute path with ``/``.

    Returns
    -------
    PackagePlan
        The plan.
    """
    planner = _Planner(mode, installed, pins if mode is PackagesMode.SYNC else None, root)
    for item in imports:
        planner.take(item)
    return planner.plan()


def packages_needed(names: Iterable[str], installed: InstalledPackages) -> list[str]:
    """List packages, and what they require in turn, as far as it is installed.

    Parameters
    ----------
    names
        Plain names.
    installed
        What there is.

    Returns
    -------
    list of str
        Plain names, sorted; without those that a job must not change.
    """
    queue, seen = list(names), set[str]()
    while queue:
        name = queue.pop()
        if name in seen or name in _NEVER or name not in installed.distributions:
            continue
        seen.add(name)
        queue.extend(installed.distributions[name].requires)
    return sorted(seen)


class _Planner:
    def __init__(
        self, mode: PackagesMode, installed: InstalledPackages, pins: Pins | None, root: str
    ) -> None:
        self._mode = mode
        self._installed = installed
        self._pins = pins
        self._root = root
        self._requirements: dict[str, Requirement] = {}
        self._editables: dict[str, Editable] = {}
        self._warnings: list[str] = []

    def take(self, item: ImportedModule) -> None:
        """Decide about one module."""
        if item.module in _BROUGHT:
            return
        owners = list(self._owners(item))
        if not owners:
            self._take_unknown(item)
        for module, key in owners:
            distribution = self._installed.distributions[key]
            if distribution.editable:
                self._take_editable(item.module, distribution)
            elif key not in _NEVER:
                # A module that the code can do without is asked for only to be as it is here.
                if item.is_optional and self._mode is not PackagesMode.SYNC:
                    continue
                self._require(module, key, self._text(key, distribution), item)

    def plan(self) -> PackagePlan:
        """Return the plan."""
        names = {requirement_name(item.text) for item in self._requirements.values()}
        return PackagePlan(
            mode=self._mode,
            requirements=tuple(self._requirements[key] for key in sorted(self._requirements)),
            editables=tuple(self._editables.values()),
            pins_from=self._pins.source if self._pins else "",
            constraints=tuple(self._constraints(names)),
            warnings=tuple(self._warnings),
        )

    def _owners(self, item: ImportedModule) -> Iterator[tuple[str, str]]:
        """List the packages that hold a module, each with the name to look for."""
        owners = self._installed.owners.get(item.module, ())
        if len(owners) < 2:
            yield from ((item.module, key) for key in owners)
            return
        named = [key for key in owners if key == plain_name(item.module)]
        if named:
            yield item.module, named[0]
            return
        # Many packages share the name: what is imported below it tells which are meant.
        chosen: dict[str, str] = {}
        for name in item.names:
            below = self._installed.owners.get(name, ())
            if len(below) == 1:
                chosen.setdefault(below[0], name)
        if not chosen:
            chosen = {owners[0]: item.module}
        yield from ((name, key) for key, name in chosen.items())

    def _take_unknown(self, item: ImportedModule) -> None:
        if item.is_optional:
            return
        name = _PACKAGE_OF.get(item.module, item.module)
        key = plain_name(name)
        text = self._pins.requirements.get(key, name) if self._pins else name
        self._require(item.module, key, text, item)
        self._warnings.append(
            f"{item.source} imports {item.module}, which is not installed here: the job asks for"
            f" the package {text!r}, in whatever version there is."
            if text == name
            else f"{item.source} imports {item.module}, which is not installed here: the job asks"
            f" for {text!r}."
        )

    def _take_editable(self, module: str, distribution: Distribution) -> None:
        folder = self._installed.folders.get(module, "")
        if not folder:
            self._warnings.append(
                f"{distribution.name} is installed in editable mode, and where its module {module}"
                " lies can't be told: it does not travel."
            )
            return
        inside = _relative(folder, self._root)
        path = posixpath.join(ADDED_DIR, plain_name(distribution.name))
        self._editables[module] = Editable(
            name=distribution.name,
            module=module,
            location=folder,
            path=path if inside is None else inside,
            is_added=inside is None,
        )
        # What it needs in turn is not installed with it.
        for key in packages_needed(distribution.requires, self._installed):
            found = self._installed.distributions[key]
            if key in distribution.requires and not found.editable and key not in _NEVER:
                source = f"needed by {distribution.name}"
                text = self._text(key, found)
                self._requirements.setdefault(key, Requirement("", text, source=source))

    def _require(self, module: str, key: str, text: str, item: ImportedModule) -> None:
        self._requirements.setdefault(
            _CLIENT_OF.get(key, key), Requirement(module, text, item.is_optional, item.source)
        )

    def _text(self, key: str, distribution: Distribution) -> str:
        pinned = self._pins.requirements.get(key) if self._pins else None
        if pinned is not None and key not in _CLIENT_OF:
            return pinned
        name = _CLIENT_OF.get(key, distribution.name)
        if distribution.url and not distribution.url.startswith("file:"):
            return f"{name} @ {distribution.url}"
        # A local label (+cu121) names a build that no index has under that name.
        version = distribution.version.partition("+")[0]
        if distribution.url:
            self._warnings.append(
                f"{distribution.name} was installed here from {distribution.url}: the job asks an"
                f" index for {name}=={version}."
            )
        return f"{name}=={version}" if version else name

    def _constraints(self, names: set[str]) -> Iterator[str]:
        if self._mode is not PackagesMode.SYNC:
            return
        for key in packages_needed(names, self._installed):
            if key in names or key in _CLIENT_OF or self._installed.distributions[key].url:
                continue
            pinned = self._pins.requirements.get(key, "") if self._pins else ""
            here = self._installed.distributions[key].version.partition("+")[0]
            text = pinned if "==" in pinned and "[" not in pinned else f"{key}=={here}"
            if here or pinned:
                yield text


def _relative(folder: str, root: str) -> str | None:
    """Return a directory's path below the root; None where it is outside."""
    if not root:
        return None
    if folder == root:
        return ""
    prefix = root.rstrip("/") + "/"
    return folder[len(prefix) :] if folder.startswith(prefix) else None
