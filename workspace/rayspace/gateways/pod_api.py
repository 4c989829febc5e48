"""The API server, as a pod reaches it with its own account. Standard library only."""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rayspace.errors import StorageError
from rayspace.gateways.exchange import exchange, fetch_text

if TYPE_CHECKING:
    from collections.abc import Mapping

_SYSTEM = "Kubernetes"
#: The API server answers in milliseconds, or is not well. [s]
_TIMEOUT_S = 10.0
#: Where Kubernetes mounts the account of a pod.
ACCOUNT_DIR = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True)
class PodApi:
    """The API server.

    Parameters
    ----------
    url
        Its base URL.
    account_dir
        Directory with the account's token, whom to trust, and the namespace.
    timeout_s
        Longest wait for each step of an exchange. [s]
    """

    url: str
    account_dir: Path = ACCOUNT_DIR
    timeout_s: float = _TIMEOUT_S

    @property
    def namespace(self) -> str:
        """The namespace of the pod.

        Raises
        ------
        StorageError
            If no account is mounted.
        """
        try:
            return (self.account_dir / "namespace").read_text(encoding="utf-8").strip()
        except OSError as error:
            raise StorageError(
                f"The service account is not mounted: {self.account_dir}/namespace can't be read."
            ) from error

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request and return the JSON document that comes back.

        Parameters
        ----------
        method, path
            The request.
        body
            A merge patch; None for nothing.

        Raises
        ------
        RayspaceError
            If the API server does not answer, or refuses, or the account can't be read.
        """
        headers, context = self._credentials()
        headers["Accept"] = "application/json"
        if body is not None:
            headers["Content-Type"] = "application/merge-patch+json"
        return exchange(
            _SYSTEM,
            method,
            self.url + path,
            headers=headers,
            timeout_s=self.timeout_s,
            body=body,
            context=context,
        )

    def text(self, path: str) -> str:
        """Fetch a text; errors are those of `ask`."""
        headers, context = self._credentials()
        return fetch_text(
            _SYSTEM, self.url + path, headers=headers, timeout_s=self.timeout_s, context=context
        )

    def _credentials(self) -> tuple[dict[str, str], ssl.SSLContext]:
        # Both files are renewed while a program runs.
        try:
            token = (self.account_dir / "token").read_text(encoding="utf-8").strip()
            context = ssl.create_default_context(cafile=str(self.account_dir / "ca.crt"))
        except (OSError, ValueError) as error:
            raise StorageError(
                f"The service account can't be read from {self.account_dir}: {error}."
            ) from error
        return {"Authorization": f"Bearer {token}"}, context


def pod_api_url(environment: Mapping[str, str]) -> str:
    """Return the URL of the API server, as Kubernetes tells its pods; empty outside of one.

    Parameters
    ----------
    environment
        The environment of the program.
    """
    host = environment.get("KUBERNETES_SERVICE_HOST", "")
    port = environment.get("KUBERNETES_SERVICE_PORT", "")
    return f"https://{f'[{host}]' if ':' in host else host}:{port}" if host and port else ""
