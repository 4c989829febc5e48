"""The environment as the person set it: without what rayspace put there for MLflow's client."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

#: Holds the address that rayspace set in the variable of MLflow's, as long as it stands there.
MARK = "RAYSPACE_SET_TRACKING_URI"
URI, TOKEN = "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_TOKEN"


class PersonsEnvironment(Mapping[str, str]):
    """A view of an environment.

    Parameters
    ----------
    environ
        The environment; what changes in it later is seen.
    """

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ

    def _hidden(self) -> set[str]:
        mark = self._environ.get(MARK)
        # Whoever sets another address later means it.
        is_ours = mark is not None and mark == self._environ.get(URI)
        return {MARK, URI, TOKEN} if is_ours else {MARK}

    def __getitem__(self, name: str) -> str:
        if name in self._hidden():
            raise KeyError(name)
        return self._environ[name]

    def __iter__(self) -> Iterator[str]:
        hidden = self._hidden()
        return (name for name in self._environ if name not in hidden)

    def __len__(self) -> int:
        return sum(1 for _ in self)
