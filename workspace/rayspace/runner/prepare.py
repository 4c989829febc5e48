"""Make a notebook ready to run: read it, and put the parameters in.

Papermill reads, converts and injects; which parameters there are was decided at submission.
Source: papermill/execute.py and papermill/parameterize.py of papermill 2.7. Its own
``execute_notebook`` is not called: it would write files, format the path like a string, and call a
notebook failed whose error was asked for by the tag ``raises-exception``.
"""

from __future__ import annotations

import sys
import warnings
from typing import TYPE_CHECKING, Any

from rayspace.errors import KernelNotFoundError, NotebookFormatError, ParameterError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


def settle_libraries() -> None:
    """Spare this process a second of importing, and its log a warning, for good.

    ``jsonschema`` loads a grammar to check the format of international addresses, where it finds
    the package that has one. Nothing of Jupyter asks for that check.
    Source: jsonschema/_format.py of jsonschema 4.26.
    """
    sys.modules.setdefault("rfc3987_syntax", None)  # type: ignore[arg-type]  # stands for "absent"
    # A notebook without ids of cells gets them below; the warning helps nobody who reads a log.
    warnings.filterwarnings("ignore", module="nbformat")


def prepared_notebook(
    path: Path, parameters: Mapping[str, Any], kernel_name: str, language: str
) -> dict[str, Any]:
    """Read a notebook and put parameters in.

    Parameters
    ----------
    path
        Its file.
    parameters
        Values to inject.
    kernel_name, language
        What it will run with; the notebook's own language counts more.

    Returns
    -------
    dict
        A notebook that papermill's engines can run.

    Raises
    ------
    NotebookFormatError
        If the file is no notebook.
    ParameterError
        If there is no way to write parameters in its language.
    """
    from nbformat.reader import NotJSONError
    from papermill.exceptions import PapermillException
    from papermill.execute import remove_error_markers
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    try:
        notebook = load_notebook_node(str(path))
    except (NotJSONError, OSError, ValueError, AttributeError, KeyError) as exc:
        raise NotebookFormatError(
            f"{path.name} is not a notebook that can run: {exc}",
            details={"notebook": path.name},
        ) from exc
    language = _known_language(_language(notebook) or language)
    if parameters:
        try:
            notebook = parameterize_notebook(
                notebook, dict(parameters), kernel_name=kernel_name, language=language
            )
        except PapermillException as exc:
            raise ParameterError(
                f"Parameters can't be written in the language {language!r}.",
                hint="Leave -p out, or give values in the environment with --env.",
                details={"language": language, "kernel": kernel_name},
            ) from exc
    notebook.metadata.setdefault("language_info", {}).setdefault("name", language)
    notebook.metadata.papermill["input_path"] = path.name
    prepared: dict[str, Any] = remove_error_markers(notebook)
    return prepared


def require_kernel(kernel_name: str) -> None:
    """Raise `KernelNotFoundError` if there is no kernel of that name in this environment."""
    from jupyter_client.kernelspec import KernelSpecManager

    known = sorted(KernelSpecManager().find_kernel_specs())
    if kernel_name not in known:
        raise KernelNotFoundError(
            f"There is no Jupyter kernel {kernel_name!r} where the job runs;"
            f" there is {', '.join(known) or 'none'}.",
            hint="Install ipykernel in the image, or choose another kernel in the notebook.",
            details={"kernel": kernel_name, "known": known},
        )


def _language(notebook: Any) -> str:
    # The order of papermill/utils.py, nb_language.
    metadata = notebook.metadata
    info, spec = metadata.get("language_info") or {}, metadata.get("kernelspec") or {}
    return str(info.get("name") or spec.get("language") or "")


def _known_language(language: str) -> str:
    """Spell a language as papermill does: it knows "R", but not "r"."""
    from papermill.translators import papermill_translators

    known = papermill_translators._translators  # noqa: SLF001  there is no list of them
    return next((name for name in known if name.casefold() == language.casefold()), language)
