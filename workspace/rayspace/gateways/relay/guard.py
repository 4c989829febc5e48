"""Who may use a relay on this machine, where everybody can connect to every port.

Programs show a token, browsers a cookie that they got for a key that counts once. A page of another
origin gets nowhere: not by a name that leads to this machine, and not by a browser's cookie.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import secrets
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOKEN_BYTES = 32


class RelayGuard:
    """The secrets of one relay.

    Parameters
    ----------
    own
        Name and password by which this person is known to the server behind the relay; whoever
        knows them may use it as well. Empty for none.
    """

    def __init__(self, own: tuple[str, str] = ("", "")) -> None:
        #: What programs show.
        self.token = secrets.token_urlsafe(_TOKEN_BYTES)
        self._own = own
        self._cookie = secrets.token_urlsafe(_TOKEN_BYTES)
        self._keys: set[str] = set()

    def is_program(self, authorization: str) -> bool:
        """Whether the header ``Authorization`` shows the token, as bearer or as a password."""
        kind, _, value = authorization.strip().partition(" ")
        if kind.lower() == "bearer":
            return _is_same(value.strip(), self.token)
        if kind.lower() != "basic":
            return False
        try:
            user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return False
        is_own = _is_same(user, self._own[0]) and _is_same(password, self._own[1])
        return _is_same(password, self.token) or (is_own and bool(self._own[1]))

    def is_browser(self, cookie: str) -> bool:
        """Whether a cookie is the one that was given."""
        return _is_same(cookie, self._cookie)

    def new_key(self) -> str:
        """Return a key that opens the door to one browser, once."""
        key = secrets.token_urlsafe(_TOKEN_BYTES)
        self._keys.add(key)
        return key

    def cookie_for(self, key: str) -> str:
        """Return the cookie for a key, which counts no more; empty for a wrong one."""
        for known in self._keys:
            if _is_same(key, known):
                self._keys.discard(known)
                return self._cookie
        return ""


def is_of_this_machine(host: str, port: int) -> bool:
    """Whether a request's ``Host`` is a relay's own, and not a name that leads here."""
    return host in {f"127.0.0.1:{port}", f"localhost:{port}"}


def is_same_origin(headers: Mapping[str, str]) -> bool:
    """Whether a browser says that a page of the relay itself asks, or nothing about it."""
    origin = headers.get("Origin", "")
    site = headers.get("Sec-Fetch-Site", "none")
    is_own = not origin or urlsplit(origin).netloc == headers.get("Host", "")
    return is_own and site in {"none", "same-origin"}


def stays_below(raw_path: str) -> bool:
    """Whether a path names something below its root, however it is written.

    What stands before it may be a path of the API server, where this person may do more than in
    what is reached here.

    Parameters
    ----------
    raw_path
        The path as it was sent, with its query.
    """
    plain = raw_path.partition("?")[0]
    while (unquoted := unquote(plain)) != plain:
        plain = unquoted
    names = plain.replace("\\", "/").split("/")
    return plain.startswith("/") and "\0" not in plain and {".", ".."}.isdisjoint(names)


def _is_same(shown: str, expected: str) -> bool:
    return hmac.compare_digest(shown.encode(), expected.encode())
