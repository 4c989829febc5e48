"""Dashboards of clusters that somebody else made: shown to who confirmed whose they are."""

from __future__ import annotations

import aiohttp
import pytest

from rayspace.model.cluster import Origin
from tests.server.jupyter_process import TOKEN
from tests.server.test_security import logged_in
from tests.server.twin import FAR

PANE = "/rayspace/proxy/ray/far%2Faway/theirs/"
CONFIRM = "/rayspace/clusters/far%2Faway/theirs/dashboard"


def make_theirs(twin, owner: str = "bob") -> None:
    twin.make("theirs", FAR)
    cluster = twin.worlds[FAR].clusters["theirs"]
    cluster.origin, cluster.owner = Origin.FOREIGN, owner


async def is_shown(twin, pane: str = PANE) -> bool:
    """Say whether a pane is not refused; behind a twin no dashboard answers."""
    answer = await twin.ask("GET", pane)
    if answer.status == 403:
        assert answer.json["code"] == "refused", answer
        return False
    assert answer.status >= 500, answer
    return True


async def test_ones_own_dashboard_needs_no_word(twin):
    twin.make("mine", FAR)

    assert await is_shown(twin, PANE.replace("theirs", "mine"))


@pytest.mark.parametrize("owner", ["bob", ""])
async def test_the_dashboard_of_somebody_else_is_shown_once_its_owner_is_confirmed(twin, owner):
    make_theirs(twin, owner)
    assert not await is_shown(twin)

    for another in ("alice", "Bob", " "):
        refused = await twin.ask("POST", CONFIRM, {"owner": another})
        assert (refused.status, refused.json["code"]) == (403, "refused")
        assert refused.json["details"] == {"name": "theirs", "owner": owner}
    assert (await twin.ask("POST", CONFIRM, {})).status == 400
    assert not await is_shown(twin)

    confirmed = await twin.ask("POST", CONFIRM, {"owner": owner})
    assert confirmed.json == {"dashboard": PANE.strip("/") + "/"}
    assert await is_shown(twin)


async def test_a_later_cluster_of_the_name_is_confirmed_anew(twin, monkeypatch):
    monkeypatch.setattr("rayspace.server.panes._FRESH_S", 0.0)
    make_theirs(twin)
    await twin.ask("POST", CONFIRM, {"owner": "bob"})
    world = twin.worlds[FAR]
    world.clusters["theirs"].owner = "carol"

    assert not await is_shown(twin)

    world.clusters["theirs"].owner = "bob"
    assert await is_shown(twin)
    world.clusters["theirs"].started_ms += 1
    assert not await is_shown(twin)


async def test_no_page_confirms_without_jupyters_token(twin):
    """A link in a notebook, or a page of another origin, has none."""
    make_theirs(twin)
    jar, _ = await logged_in(twin)

    by_link = await twin.ask("GET", f"{CONFIRM}?owner=bob")
    by_page = await twin.ask("POST", CONFIRM, {"owner": "bob"}, token="", cookies=jar)

    assert (by_link.status, by_page.status) == (405, 403)
    assert not await is_shown(twin)


async def test_its_websockets_are_refused_too(twin):
    make_theirs(twin)

    url = f"{twin.url}{PANE}api/jobs/x/logs/tail"
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"token {TOKEN}"}) as session,
        session.ws_connect(url) as socket,
    ):
        await socket.receive()

    assert socket.close_code == 4004
