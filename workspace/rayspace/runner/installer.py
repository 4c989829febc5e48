"""Install packages into a directory of their own with pip or uv, whichever there is.

Two steps, since neither tool looks at what is installed when it installs into a directory: what
would be installed beside what is there, and then exactly that. Neither step changes the Python that
runs. Standard library only, any Python from 3.10; Ray's workers use it as well. Sources:
https://pip.pypa.io/en/stable/reference/installation-report/ and ``uv pip install --help`` of uv.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rayspace.runner.install_failure import InstallError, disk_failure, failure_of
from rayspace.runner.presence import has_module, installed_versions, plain_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

#: Variables that would send pip elsewhere than into the directory.
_LEADING_AWAY = {"PIP_TARGET", "PIP_USER", "PIP_PREFIX", "PIP_ROOT", "PIP_REQUIRE_VIRTUALENV"}
#: What says that somebody set pip up, of which uv knows nothing.
_PIP_SETTINGS = re.compile(
    r"PIP_(CONFIG_FILE|(EXTRA_)?INDEX_URL|NO_INDEX|FIND_LINKS|TRUSTED_HOST|CERT|CLIENT_CERT|PROXY"
    r"|CONSTRAINT)"
)
_UV_NAMES = {
    "PIP_INDEX_URL": "UV_DEFAULT_INDEX",
    "PIP_EXTRA_INDEX_URL": "UV_INDEX",
    "PIP_FIND_LINKS": "UV_FIND_LINKS",
    "PIP_TRUSTED_HOST": "UV_INSECURE_HOST",
    "PIP_CERT": "SSL_CERT_FILE",
}
_WOULD_INSTALL = re.compile(r"^\s*\+ ([^\s=]+)==([^\s(]+)(?: \(from (.+)\))?$", re.MULTILINE)
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
#: How long a tool may take to end once it is told to. [s]
_END_S = 3.0
_POLL_S = 0.1


class Installer:
    """Installs packages for this Python.

    Parameters
    ----------
    environment
        Variables: those of pip and uv say where packages come from.
    timeout_s
        Longest time for all that it does. [s]
    is_stopped
        Says whether the job was stopped meanwhile.
    tick
        Called now and then while a tool works.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        timeout_s: float,
        is_stopped: Callable[[], bool] = lambda: False,
        tick: Callable[[], None] = lambda: None,
    ) -> None:
        self._environment = _tool_environment(environment)
        self._give_up_s = time.monotonic() + timeout_s
        self._timeout_s = timeout_s
        self._is_stopped = is_stopped
        self._tick = tick
        self._tool = find_tool(environment)

    @property
    def name(self) -> str:
        """The tool: ``pip`` or ``uv``."""
        return "pip" if "pip" in self._tool else "uv"

    def resolve(self, texts: Sequence[str], constraints: Sequence[str]) -> list[str]:
        """Say what would be installed beside what there is.

        Parameters
        ----------
        texts
            Requirements.
        constraints
            Versions that whatever is installed must have.

        Returns
        -------
        list of str
            Exact requirements, the dependencies included; sorted.

        Raises
        ------
        InstallError
            If there is no such set, or no index to ask.
        """
        with _folder() as name:
            limits, report = Path(name, "constraints.txt"), Path(name, "report.json")
            limits.write_text("".join(f"{text}\n" for text in constraints), "utf-8")
            words = ["--dry-run", "--constraint", str(limits)]
            if self.name == "pip":
                self._run(["install", *words, "--report", str(report), *texts], name)
                return _reported(report)
            # A dry run changes nothing, whoever manages this Python.
            words += ["--python", sys.executable, "--break-system-packages"]
            output = self._run(["pip", "install", *words, *texts], name)
        return _would_install(output)

    def install(self, exact: Sequence[str], directory: str) -> None:
        """Install exactly these packages into a directory.

        Parameters
        ----------
        exact
            Exact requirements, as `resolve` returns them.
        directory
            A directory, which is made.

        Raises
        ------
        InstallError
            If one of them can't be installed.
        """
        words = ["install", "--no-deps", "--target", directory]
        if self.name == "pip":
            words.append("--no-compile")
        else:
            words = ["pip", *words, "--python", sys.executable]
        with _folder() as name:
            self._run([*words, *exact], name)

    def _run(self, words: list[str], folder: str) -> str:
        # In a folder of its own: neither modules nor settings of the user's are picked up.
        log = Path(folder, "output.txt")
        with log.open("wb") as stream:
            try:
                process = subprocess.Popen(
                    [*self._tool, *words],
                    stdin=subprocess.DEVNULL,
                    stdout=stream,
                    stderr=subprocess.STDOUT,
                    env=self._environment,
                    cwd=folder,
                    start_new_session=True,
                )
            except OSError as exc:
                raise InstallError(f"{self.name} could not be started: {exc.strerror}.") from exc
            self._wait(process)
        output = _COLOUR.sub("", log.read_text("utf-8", "replace"))
        if process.returncode:
            raise failure_of(self.name, output)
        return output

    def _wait(self, process: subprocess.Popen[bytes]) -> None:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_POLL_S)
                return
            if self._is_stopped():
                _end(process)
                raise InstallError("The job was stopped while packages were installed.")
            if time.monotonic() > self._give_up_s:
                _end(process)
                raise InstallError(f"Packages could not be installed within {self._timeout_s:g} s.")
            self._tick()


@contextlib.contextmanager
def _folder() -> Iterator[str]:
    """Make a directory for one call; a disk that is full while we write there is told as such."""
    try:
        with tempfile.TemporaryDirectory(prefix="rayspace-install-") as name:
            yield name
    except OSError as exc:
        raise disk_failure(exc) from exc


def find_tool(environment: Mapping[str, str]) -> list[str]:
    """Find what installs packages: uv where it would do the same as pip, else pip.

    Parameters
    ----------
    environment
        Variables, which may set one of them up.

    Returns
    -------
    list of str
        The command.

    Raises
    ------
    InstallError
        If there is none.
    """
    pip = [sys.executable, "-m", "pip"] if has_module("pip") else []
    path = shutil.which("uv", path=environment.get("PATH"))
    beside = Path(sys.executable).with_name("uv")
    uv = [path] if path else [str(beside)] if beside.exists() else []
    if pip and (not uv or _is_set_up(environment) or _sees_other_packages()):
        return pip
    if not uv:
        raise InstallError("There is neither pip nor uv in the image to install packages with.")
    return uv


def _tool_environment(environment: Mapping[str, str]) -> dict[str, str]:
    kept = {name: value for name, value in environment.items() if name not in _LEADING_AWAY}
    for theirs, name in _UV_NAMES.items():
        if kept.get(theirs):
            kept.setdefault(name, kept[theirs])
    # An index that is away is told within seconds, not minutes.
    defaults = {"PIP_RETRIES": "2", "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    defaults |= {"PIP_ROOT_USER_ACTION": "ignore", "PIP_NO_COLOR": "1", "UV_NO_PROGRESS": "1"}
    if kept.get("PIP_RETRIES") == "0":
        # pip that tries once does not say that an index is away.
        kept["PIP_RETRIES"] = "1"
    return {**defaults, "UV_LINK_MODE": "copy", **kept}


def _is_set_up(environment: Mapping[str, str]) -> bool:
    """Tell whether somebody set pip up. Source: pip's documentation, "Configuration"."""
    settings = {name for name, value in environment.items() if value}
    files = _pip_files(environment)
    if environment.get("PIP_CONFIG_FILE") == os.devnull:
        # By this pip reads no files.
        settings.remove("PIP_CONFIG_FILE")
        files = ()
    return any(map(_PIP_SETTINGS.fullmatch, settings)) or any(path.exists() for path in files)


def _pip_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    home = Path(environment.get("HOME") or "/nonexistent")
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    return (
        Path("/etc/pip.conf"),
        Path("/etc/xdg/pip/pip.conf"),
        home / ".pip/pip.conf",
        config / "pip/pip.conf",
        Path(sys.prefix, "pip.conf"),
    )


def _sees_other_packages() -> bool:
    """Tell whether this is a virtual environment that sees another's packages: uv does not."""
    try:
        text = Path(sys.prefix, "pyvenv.cfg").read_text("utf-8", "replace")
    except OSError:
        return False
    return re.search(r"include-system-site-packages\s*=\s*true", text, re.IGNORECASE) is not None


def _reported(report: Path) -> list[str]:
    found = []
    for item in json.loads(report.read_bytes())["install"]:
        name, version = item["metadata"]["name"], item["metadata"]["version"]
        info = item.get("download_info", {})
        if not item.get("is_direct"):
            found.append(f"{name}=={version}")
        elif "vcs_info" in info:
            vcs = info["vcs_info"]
            found.append(f"{name} @ {vcs['vcs']}+{info['url']}@{vcs['commit_id']}")
        else:
            found.append(f"{name} @ {info['url']}")
    return sorted(found, key=str.lower)


def _would_install(output: str) -> list[str]:
    there = installed_versions()
    return sorted(
        f"{name} @ {url}" if url else f"{name}=={version}"
        for name, version, url in _WOULD_INSTALL.findall(output)
        if url or there.get(plain_name(name)) != version
    )


def _end(process: subprocess.Popen[bytes]) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        # It leads a group of its own: what builds packages ends with it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(_END_S)
