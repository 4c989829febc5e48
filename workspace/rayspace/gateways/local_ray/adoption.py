"""Find a Ray that somebody started by hand, and put it on record."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import psutil

from rayspace.errors import AccessError, ClusterNotFoundError, UsageError
from rayspace.gateways.local_ray import processes
from rayspace.gateways.local_ray.records import LocalRecord
from rayspace.model.cluster import ClusterSpec, HeadAddress, Origin

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.gateways.contracts import HeadGateway


def _options(words: list[str]) -> dict[str, str]:
    pairs = (word[2:].partition("=") for word in words if word.startswith("--") and "=" in word)
    return {key.replace("-", "_"): value for key, _, value in pairs}


def running_heads() -> list[dict[str, str]]:
    """List the heads of this machine that we did not start.

    Returns
    -------
    list of dict
        ``dashboard_url``, ``gcs_address``, ``client_url``, ``python`` and the dashboard's ``pid``
        of each, as its processes' command lines tell. Source: ``dashboard.py`` and
        ``ray.util.client.server`` of Ray 2.60.
    """
    found = []
    clients: dict[str, str] = {}
    for process in processes.all_processes():
        try:
            words = process.cmdline()
            options = _options(words)
            is_client = "ray.util.client.server" in words and "--mode=proxy" in words
            is_dashboard = any(word.endswith("dashboard/dashboard.py") for word in words)
            if not (is_client or is_dashboard) or processes.MARKER in process.environ():
                continue
            if not processes.is_reached_from_here(process.pid):
                continue
        except (psutil.NoSuchProcess, psutil.AccessDenied, OSError):
            continue
        if is_client:
            clients[options.get("address", "")] = options.get("port", "")
        else:
            host = options.get("host", "127.0.0.1").replace("0.0.0.0", "127.0.0.1")  # noqa: S104
            found.append(
                {
                    "dashboard_url": f"http://{host}:{options.get('port', '8265')}",
                    "gcs_address": options.get("gcs_address", ""),
                    "python": words[0],
                    "pid": str(process.pid),
                }
            )
    for head in found:
        port = clients.get(head["gcs_address"], "")
        head["client_url"] = f"ray://{head['gcs_address'].split(':')[0]}:{port}" if port else ""
    return found


def _token_candidates(environ: Mapping[str, str]) -> list[str]:
    named = environ.get("RAY_AUTH_TOKEN_PATH", "")
    return [path for path in (named, str(Path.home() / ".ray" / "auth_token")) if path]


def _same(url: str, other: str) -> bool:
    loopback = {"localhost": "127.0.0.1"}
    one, two = urlsplit(url), urlsplit(other)
    hosts = {loopback.get(part.hostname or "", part.hostname) for part in (one, two)}
    return one.port == two.port and len(hosts) == 1


async def _authenticated(
    known: dict[str, str], head: HeadGateway
) -> tuple[HeadAddress, Mapping[str, str]]:
    """Find the token that a head accepts, no token first."""
    for path in ["", *_token_candidates(os.environ)]:
        address = HeadAddress(
            known["dashboard_url"], known["gcs_address"], known["client_url"], path
        )
        try:
            return address, await head.version(address)
        except AccessError:
            continue
    raise AccessError(
        f"The head at {known['dashboard_url']} asks for a token that was not found.",
        hint="Set RAY_AUTH_TOKEN_PATH to the file that holds it.",
    )


async def adopted_record(
    name: str, dashboard_url: str, head: HeadGateway, now_ms: int
) -> LocalRecord:
    """Ask a head who it is, and describe it.

    Parameters
    ----------
    name
        Name to give it.
    dashboard_url
        Base URL of its dashboard; empty to look for the only one of this machine.
    head
        The HTTP face of a head.
    now_ms
        The time. [ms since 1970-01-01 UTC]

    Returns
    -------
    LocalRecord
        Its record.

    Raises
    ------
    ClusterNotFoundError
        If none runs, or nothing answers at the URL.
    UsageError
        If several run and no URL says which.
    AccessError
        If it asks for a token that is not where Ray keeps tokens.
    """
    heads = running_heads()
    if not dashboard_url:
        if not heads:
            raise ClusterNotFoundError(
                "No Ray that somebody else started runs on this machine.",
                hint="Name its dashboard with --address, or start one with: rayspace cluster up",
            )
        if len(heads) > 1:
            raise UsageError(
                f"{len(heads)} Rays run on this machine.",
                hint="Say which: --address "
                + " or --address ".join(sorted(found["dashboard_url"] for found in heads)),
            )
        dashboard_url = heads[0]["dashboard_url"]
    if urlsplit(dashboard_url).scheme not in {"http", "https"}:
        raise UsageError(
            f"{dashboard_url!r} is not the URL of a dashboard.",
            hint="Write it as Ray prints it: --address http://127.0.0.1:8265",
        )
    dashboard_url = dashboard_url.rstrip("/")
    known = next((found for found in heads if _same(found["dashboard_url"], dashboard_url)), None)
    if known is None:
        raise ClusterNotFoundError(
            f"No Ray of this machine that somebody else started has its dashboard at "
            f"{dashboard_url}.",
            hint="Running now: " + (", ".join(found["dashboard_url"] for found in heads) or "none"),
        )
    address, version = await _authenticated(known, head)
    return LocalRecord(
        spec=ClusterSpec(name=name, profile=""),
        origin=Origin.ADOPTED,
        uid=secrets.token_hex(8),
        started_ms=now_ms,
        dashboard_url=dashboard_url,
        gcs_address=address.gcs_address,
        client_url=address.client_url,
        token_path=address.token_path,
        python=known["python"],
        # What we reach goes through its dashboard: it is gone when that is.
        head=processes.identify(int(known["pid"])),
        ray_version=version.get("ray_version", ""),
    )
