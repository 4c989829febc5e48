"""Call a function once a module has been imported, and load nothing before that.

Runs in the user's kernel and in Ray's workers: standard library only, any Python from 3.8, and a
failure of ours must never become a failure of the import.
"""

from __future__ import annotations

import importlib.abc
import importlib.util
import sys
import threading
import traceback
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

#: What another version of a library may make of our adapting it.
_FAILURES = (
    *(AttributeError, AssertionError, ImportError, LookupError),
    *(OSError, RuntimeError, TypeError, ValueError),
)


def after_import(name: str, action: Callable[[ModuleType], None]) -> None:
    """Call ``action`` with a module once it is imported, now if it is already.

    Parameters
    ----------
    name
        Name of a top-level module.
    action
        What to call.
    """
    module = sys.modules.get(name)
    if module is not None:
        _call(action, module)
    else:
        sys.meta_path.insert(0, _Finder(name, action))


def _call(action: Callable[[ModuleType], None], module: ModuleType) -> None:
    try:
        action(module)
    except _FAILURES:
        sys.stderr.write(f"rayspace: could not adapt {module.__name__}:\n{traceback.format_exc()}")


class _Finder(importlib.abc.MetaPathFinder):
    """Waits for one module; finds nothing itself."""

    def __init__(self, name: str, action: Callable[[ModuleType], None]) -> None:
        self._name = name
        self._action = action
        self._searching = threading.local()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the real specification, with a loader that calls the action afterwards."""
        if fullname != self._name or getattr(self._searching, "active", False):
            return None
        self._searching.active = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._searching.active = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self, self._action)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads as the real loader does, then calls the action, once."""

    def __init__(self, loader: Any, finder: _Finder, action: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._finder = finder
        self._action = action

    def __getattr__(self, name: str) -> Any:
        # Readers of resources and sources ask the loader for more than loading.
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Create the module as the real loader does."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, and call the action."""
        spec = module.__spec__
        if spec is not None:
            spec.loader = self._loader
        module.__loader__ = self._loader
        self._loader.exec_module(module)
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
            _call(self._action, module)
