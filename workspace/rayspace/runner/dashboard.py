"""Ask the head that the job runs on, by HTTP and by its bare port. Standard library only.

Nothing here changes anything on the head. Sources: ray/dashboard/http_server_head.py (token
headers) and ray/_private/authentication of Ray 2.60.
"""

from __future__ import annotations

import http.client
import json
import os
import socket
import urllib.error
import urllib.request
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

#: An answer takes milliseconds; thousands of nodes take seconds. [s]
_TIMEOUT_S = 8.0
_KNOCK_TIMEOUT_S = 2.0


class Dashboard:
    """The dashboard of the head, and the head's own port.

    Parameters
    ----------
    url
        Base URL of the dashboard; empty when there is none.
    gcs_address
        ``host:port`` of the head; anything else is ignored.
    environment
        Where Ray's token, or the path to it, is named.
    """

    def __init__(self, url: str, gcs_address: str, environment: Mapping[str, str]) -> None:
        self._url = url
        self._gcs_address = _host_and_port(gcs_address)
        self._environment = environment
        self._was_seen = False

    @property
    def is_known(self) -> bool:
        """Whether there is a dashboard to ask."""
        return bool(self._url)

    def get(self, path: str, timeout_s: float = _TIMEOUT_S) -> Any:
        """Ask for a JSON document.

        Parameters
        ----------
        path
            Path and query.
        timeout_s
            Longest wait for each step of the exchange. [s]

        Returns
        -------
        Any
            The document.

        Raises
        ------
        OSError
            If the head does not answer, or refuses (`urllib.error.HTTPError`).
        ValueError
            If the answer is no JSON.
        """
        return self.get_dated(path, timeout_s)[0]

    def get_dated(self, path: str, timeout_s: float = _TIMEOUT_S) -> tuple[Any, float | None]:
        """Ask for a JSON document, and for the head's time.

        Parameters
        ----------
        path
            Path and query.
        timeout_s
            Longest wait for each step of the exchange. [s]

        Returns
        -------
        tuple
            The document, and the head's time as it answered, to a second; None when it does not
            tell. [s since 1970-01-01 UTC]

        Raises
        ------
        OSError
            If the head does not answer, or refuses (`urllib.error.HTTPError`).
        ValueError
            If the answer is no JSON.
        """
        request = urllib.request.Request(  # noqa: S310  the address is the submitter's
            self._url + path, headers=self._headers()
        )
        try:
            with urllib.request.urlopen(request, timeout=timeout_s) as answer:  # noqa: S310
                return json.load(answer), time_of(answer.headers.get("Date"))
        except http.client.HTTPException as exc:
            # An answer that was cut off, or is no HTTP, is no error of the system's to Python.
            message = f"the head gave half an answer: {exc!r}"
            raise ConnectionError(message) from exc
        except RecursionError as exc:
            message = "the head's answer is nested too deeply"
            raise ValueError(message) from exc

    def session_name(self) -> str:
        """Return the name of the head's session; empty when it does not tell."""
        if not self.is_known:
            return ""
        try:
            answer = self.get("/api/version", _KNOCK_TIMEOUT_S)
        except (OSError, ValueError):
            return ""
        self._was_seen = True
        return str(answer.get("session_name", ""))

    def answers(self) -> bool:
        """Tell whether the head is there: its dashboard, or at least its own port.

        A dashboard may restart while the cluster works on; a head is gone when both are. One
        that was never seen can't be missed: then its address is wrong.
        """
        if not self.is_known:
            return True
        if self._is_there():
            self._was_seen = True
            return True
        return not self._was_seen

    def _is_there(self) -> bool:
        try:
            self.get("/api/version", _KNOCK_TIMEOUT_S)
        except urllib.error.HTTPError:
            return True
        except (OSError, ValueError):
            return self._gcs_address is not None and _knock(self._gcs_address)
        return True

    def _headers(self) -> dict[str, str]:
        token = self._environment.get("RAY_AUTH_TOKEN", "")
        path = self._environment.get("RAY_AUTH_TOKEN_PATH", "")
        if not token and path:
            try:
                token = Path(path).read_text(encoding="utf-8").strip()
            except OSError:
                token = ""
        if not token:
            return {}
        # The first is what a head reads, the second what a proxy before it leaves alone.
        return {"Authorization": f"Bearer {token}", "X-Ray-Authorization": f"Bearer {token}"}


def environment_dashboard(url: str, gcs_address: str) -> Dashboard:
    """Return the dashboard, with the token that this process was given."""
    return Dashboard(url, gcs_address, os.environ)


def time_of(date: str | None) -> float | None:
    """Read the time that a head puts on its answers.

    Parameters
    ----------
    date
        The header ``Date``; None where there was none.

    Returns
    -------
    float or None
        The time since 1970-01-01 UTC; None if it can't be read. [s]
    """
    try:
        return parsedate_to_datetime(date).timestamp() if date else None
    except ValueError:
        return None


def _host_and_port(address: str) -> tuple[str, int] | None:
    host, _, port = address.rpartition(":")
    if "/" in address or not host or not port.isdigit():
        return None
    return host.strip("[]"), int(port)


def _knock(address: tuple[str, int]) -> bool:
    try:
        socket.create_connection(address, timeout=_KNOCK_TIMEOUT_S).close()
    except OSError:
        return False
    return True
