"""What a job needs of packages: what is imported, what is there, and what is to be done about it.

The runner reads these values before anything is installed, on any Python from 3.10: standard
library only.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rayspace.model.wire import to_wire

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Exit code of a runner that lacks packages of its own and could not install them: it wrote no
#: verdict, since that needs them; its log says why. [1]
EXIT_PACKAGES = 3
#: Longest time for installing; a large package over a slow line takes minutes. [s]
INSTALL_TIMEOUT_S = 900.0


class PackagesMode(enum.Enum):
    """What is done about packages that the image lacks."""

    #: What is missing is installed for the job; what is there is taken as it is.
    AUTO = "auto"
    #: Nothing is installed; what is missing is listed, and the job fails.
    IMAGE = "image"
    #: What the notebook imports is installed in the versions of the notebook's own Python.
    SYNC = "sync"


@dataclass(frozen=True)
class ImportedModule:
    """A module that a notebook, or a module that travels with it, imports.

    Parameters
    ----------
    module
        Its top-level name.
    names
        The dotted names that are imported of it, and that might be modules; sorted.
    is_optional
        Whether the code goes on without it.
    source
        Where it is imported first: ``cell 3``, or the path of a file.
    """

    module: str
    names: tuple[str, ...]
    is_optional: bool
    source: str


@dataclass(frozen=True)
class Distribution:
    """An installed package.

    Parameters
    ----------
    name, version
        What it calls itself.
    requires
        Names of the packages that it requires; extras aside.
    url
        Where it came from, when not from an index: as pip writes it, such as ``git+https://…``.
    editable
        The directory of an editable install; empty for any other.
    """

    name: str
    version: str
    requires: tuple[str, ...] = ()
    url: str = ""
    editable: str = ""


@dataclass(frozen=True)
class InstalledPackages:
    """What a Python has.

    Parameters
    ----------
    python
        Its version.
    distributions
        Packages by their names in lower case with single dashes.
    owners
        Of each dotted name that was asked for, the packages (by such names) that hold it.
    folders
        Of each module of an editable install that was asked for, the directory that holds it.
    """

    python: str
    distributions: dict[str, Distribution]
    owners: dict[str, tuple[str, ...]] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Pins:
    """Versions that a file of the project names.

    Parameters
    ----------
    source
        The file, as people should hear of it.
    requirements
        What to ask of an index, by names in lower case with single dashes.
    """

    source: str
    requirements: dict[str, str]


@dataclass(frozen=True)
class Requirement:
    """A package that a module comes from.

    Parameters
    ----------
    module
        The module; dotted where many packages share a top-level name.
    text
        What to ask of an index, such as ``scikit-learn==1.7.2``.
    is_optional
        Whether the code goes on without it.
    source
        Where it is imported first; ``runner`` for what the runner itself needs.
    """

    module: str
    text: str
    is_optional: bool = False
    source: str = ""


@dataclass(frozen=True)
class Editable:
    """An editable install that travels in the bundle.

    Parameters
    ----------
    name
        The package.
    module
        The module that is imported.
    location
        The directory, on this machine, that holds the module.
    path
        That directory inside the bundle, with ``/``; empty for the top of the bundle.
    is_added
        Whether its files lie outside the project, and are added to the bundle.
    """

    name: str
    module: str
    location: str
    path: str
    is_added: bool = False


@dataclass(frozen=True)
class PackagePlan:
    """What is to be done about the packages of a job.

    Parameters
    ----------
    mode
        As asked.
    requirements
        What the notebook and the modules that travel with it import.
    editables
        What travels in the bundle instead.
    pins_from
        Where the versions are from: a file of the project, or ``this Python``; empty for nowhere.
    constraints
        Versions of what those packages need in turn, for ``sync``.
    warnings
        One sentence each.
    kernel_python
        The kernel's Python when it is another than the runner's: that one is left as it is.
    timeout_s
        Longest time for installing. [s]
    """

    mode: PackagesMode = PackagesMode.AUTO
    requirements: tuple[Requirement, ...] = ()
    editables: tuple[Editable, ...] = ()
    pins_from: str = ""
    constraints: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    kernel_python: str = ""
    timeout_s: float = INSTALL_TIMEOUT_S

    @property
    def source_dirs(self) -> tuple[str, ...]:
        """Directories inside the bundle from which editable installs are imported."""
        return tuple(dict.fromkeys(item.path for item in self.editables))

    def to_json(self) -> str:
        """Return the plan as the runner reads it."""
        return json.dumps(to_wire(self), separators=(",", ":"))

    @classmethod
    def from_wire(cls, wire: Mapping[str, Any]) -> PackagePlan:
        """Read a plan; what a newer submitter says beyond it is passed over.

        Raises
        ------
        ValueError
            If it is no plan.
        """
        try:
            return cls(
                mode=PackagesMode(wire.get("mode", "auto")),
                requirements=tuple(
                    Requirement(
                        module=str(item["module"]),
                        text=str(item["text"]),
                        is_optional=bool(item.get("is_optional", False)),
                        source=str(item.get("source", "")),
                    )
                    for item in wire.get("requirements", ())
                ),
                editables=tuple(
                    Editable(
                        name=str(item["name"]),
                        module=str(item["module"]),
                        location=str(item.get("location", "")),
                        path=str(item["path"]),
                        is_added=bool(item.get("is_added", False)),
                    )
                    for item in wire.get("editables", ())
                ),
                pins_from=str(wire.get("pins_from", "")),
                constraints=tuple(map(str, wire.get("constraints", ()))),
                warnings=tuple(map(str, wire.get("warnings", ()))),
                kernel_python=str(wire.get("kernel_python", "")),
                timeout_s=float(wire.get("timeout_s", INSTALL_TIMEOUT_S)),
            )
        except (AttributeError, KeyError, TypeError) as exc:
            message = f"no plan of packages: {exc!r}"
            raise ValueError(message) from exc


@dataclass(frozen=True)
class Installation:
    """What was installed for a job.

    Parameters
    ----------
    directory
        Where it is; empty when nothing had to be installed.
    installed
        Exact requirements, dependencies included.
    for_workers
        Those that the notebook's own code needs, so that Ray's workers do as well.
    failure
        Why the job can't run, in one sentence; empty when it can.
    source_dirs
        Directories inside the bundle from which editable installs are imported.
    can_report
        Whether the runner has what it needs to write a verdict.
    """

    directory: str = ""
    installed: tuple[str, ...] = ()
    for_workers: tuple[str, ...] = ()
    failure: str = ""
    source_dirs: tuple[str, ...] = ()
    can_report: bool = True


#: What the runner imports. Minima as in this project's pyproject.toml, which a test holds; full
#: MLflow brings mlflow-skinny as well.
RUNNER_REQUIREMENTS = (
    Requirement("papermill", "papermill>=2.7", source="runner"),
    Requirement("nbclient", "nbclient", source="runner"),
    Requirement("ipykernel", "ipykernel", source="runner"),
    Requirement("mlflow", "mlflow-skinny>=3.17.2,<4", source="runner"),
    # For the page that shows the executed notebook.
    Requirement("nbconvert", "nbconvert", is_optional=True, source="runner"),
)
