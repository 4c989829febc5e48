"""An index of packages on loopback: a few tiny wheels, made as they are asked for."""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import http.server
import threading
import zipfile
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def write_wheel(
    folder: Path, name: str, version: str, *, requires: tuple[str, ...] = (), body: str = ""
) -> Path:
    """Write a wheel with one module, which knows its version."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    needs = "".join(f"Requires-Dist: {text}\n" for text in requires)
    files = {
        f"{module}.py": f"VERSION = {version!r}\n{body}",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n{needs}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
    }
    record = ""
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        record += f"{path},sha256={digest.decode()},{len(text.encode())}\n"
    files[f"{info}/RECORD"] = f"{record}{info}/RECORD,,\n"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{module}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for member, text in files.items():
            archive.writestr(member, text)
    return path


def write_index(root: Path) -> None:
    """Write an index: ``rs-alpha`` needs ``rs-beta``, ``rs-ray`` another Ray.

    ``rs-large`` has half a MiB, and of ``rs-false`` the index tells a wrong hash.
    """
    for name, version, requires in (
        ("rs-alpha", "1.0", ("rs-beta>=1",)),
        ("rs-alpha", "2.0", ("rs-beta>=1",)),
        ("rs-beta", "1.0", ()),
        ("rs-beta", "1.5", ()),
        ("rs-ray", "1.0", ("ray==2.0.0",)),
        ("ray", "2.0.0", ()),
    ):
        write_wheel(root / "simple" / name, name, version, requires=requires)
    body = "".join(f"V{i} = {i * 7919 % 100003}\n" for i in range(40_000))
    write_wheel(root / "simple" / "rs-large", "rs-large", "1.0", body=body)
    # What a directory server lists is what an index is.
    (root / "simple" / "rs-false").mkdir()
    wheel = write_wheel(root / "files", "rs-false", "1.0")
    link = f'<a href="../../files/{wheel.name}#sha256={"0" * 64}">{wheel.name}</a>'
    (root / "simple" / "rs-false" / "index.html").write_text(link)


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve an index, and yield its URL."""
    handler = functools.partial(_Quiet, directory=str(root))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/simple/"
        server.shutdown()
