"""Who gets in: nobody without a login, nobody from another page, and nowhere else than meant."""

from __future__ import annotations

import re

import aiohttp
import pytest
from jupyter_server.auth import Authorizer

from rayspace.server.contract import description
from tests.server.jupyter_process import TOKEN
from tests.server.twin import TwinServer

OPERATIONS = [
    (method.upper(), path)
    for path, methods in description()["paths"].items()
    for method in methods
    if method in {"get", "post"}
]


def filled(path: str) -> str:
    """Return a path with names in it."""
    return re.sub(r"\{(\w+)\}", "nobody", path)


async def logged_in(jupyter) -> tuple[aiohttp.CookieJar, str]:
    """Log in as a browser does; returns its cookies and the XSRF token."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        await session.get(f"{jupyter.url}/login?token={TOKEN}")
        await session.get(f"{jupyter.url}/api/contents?token={TOKEN}")
        await session.get(f"{jupyter.url}/login")
    cookies = {cookie.key: cookie.value for cookie in jar}
    return jar, cookies["_xsrf"]


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_nobody_gets_in_without_a_login(jupyter, method, path):
    answer = await jupyter.ask(method, filled(path), {} if method == "POST" else None, token="")

    assert answer.status == 403
    assert answer.json["code"] == "unauthorized"


@pytest.mark.parametrize(("method", "path"), OPERATIONS)
async def test_a_wrong_token_is_none(jupyter, method, path):
    answer = await jupyter.ask(method, filled(path), {}, token="another")

    assert answer.status == 403


@pytest.mark.parametrize(("method", "path"), [op for op in OPERATIONS if op[0] == "POST"])
async def test_nothing_is_changed_from_another_page(jupyter, method, path):
    jar, _ = await logged_in(jupyter)

    answer = await jupyter.ask(method, filled(path), {}, token="", cookies=jar)

    assert answer.status == 403
    assert set(answer.json) == {"code", "message", "hint", "details"}


async def test_a_browser_that_shows_the_token_may(jupyter):
    jar, xsrf = await logged_in(jupyter)

    answer = await jupyter.ask(
        "POST",
        "/rayspace/clusters/plan",
        {},
        token="",
        cookies=jar,
        headers={"X-XSRFToken": xsrf},
    )

    assert answer.status == 200


async def test_the_stream_opens_for_nobody_else(jupyter):
    for headers in ({}, {"Authorization": "token another"}):
        async with aiohttp.ClientSession(headers=headers) as session:
            with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
                await session.ws_connect(f"{jupyter.url}/rayspace/changes")
            assert caught.value.status == 403


async def test_the_stream_opens_for_no_page_of_another_origin(jupyter):
    jar, _ = await logged_in(jupyter)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(
                f"{jupyter.url}/rayspace/changes", headers={"Origin": "http://evil.example"}
            )
    assert caught.value.status == 403


async def test_a_page_of_another_origin_reads_nothing(jupyter):
    answer = await jupyter.ask(
        "GET", "/rayspace/clusters", token="", headers={"Origin": "http://evil.example"}
    )

    assert answer.status in {403, 404}


@pytest.mark.parametrize(
    "path",
    ["../secret.ipynb", "..%2Fsecret.ipynb", "a/../../secret.ipynb", "/../secret.ipynb",
     "....//....//secret.ipynb", "%2e%2e/secret.ipynb", "a%00b.ipynb"],
)  # fmt: skip
async def test_no_notebook_outside_of_the_root_is_read(jupyter, path):
    (jupyter.root.parent / "secret.ipynb").write_text("{}")

    answer = await jupyter.ask("GET", f"/rayspace/notebooks/parameters?path={path}")

    assert answer.status == 404
    assert answer.json["code"] == "notebook_not_found"


@pytest.mark.parametrize(
    "path",
    ["proxy/ray/local/nobody/", "proxy/ray/elsewhere/nobody/", "proxy/mlflow/elsewhere/",
     "proxy/ray/127.0.0.1:22/x/", "proxy/ray/local/..%2F..%2Fnobody/"],
)  # fmt: skip
async def test_panes_lead_to_what_is_known_and_nowhere_else(jupyter, path):
    answer = await jupyter.ask("GET", f"/rayspace/{path}")

    assert answer.status == 404
    assert answer.json["code"] in {"cluster_not_found", "target_not_found"}


async def test_what_leads_nowhere_says_so_as_everything_does(jupyter):
    for path in ("/rayspace", "/rayspace/", "/rayspace/nothing", "/rayspace/clusters/a/b/c/d"):
        answer = await jupyter.ask("GET", path)
        assert (answer.status, answer.json["code"]) == (404, "not_found")


class OnlyLooking(Authorizer):
    """Lets people look at rayspace, and do no more."""

    def is_authorized(self, handler, user, action: str, resource: str) -> bool:
        return (action, resource) == ("read", "rayspace")


class Nothing(Authorizer):
    """Lets nobody do anything."""

    def is_authorized(self, handler, user, action: str, resource: str) -> bool:
        return False


async def test_jupyters_own_rules_are_kept(tmp_path):
    with TwinServer(tmp_path / "looking", OnlyLooking) as server:
        assert (await server.get("/rayspace/clusters"))["clusters"] == []
        async with server.stream() as tab:
            assert (await tab.next())["kind"] == "snapshot"
        for path in ("/rayspace/clusters", "/rayspace/jobs", "/rayspace/proxy/mlflow/local/x"):
            answer = await server.ask("POST", path, {"profile": "laptop"})
            assert (answer.status, answer.json["code"]) == (403, "unauthorized")
    with TwinServer(tmp_path / "nothing", Nothing) as server:
        for path in ("/rayspace/clusters", "/rayspace/changes", "/rayspace/proxy/ray/local/a/"):
            assert (await server.ask("GET", path)).status == 403


async def test_no_token_is_told_or_logged(jupyter):
    told = []
    for method, path in OPERATIONS:
        if path != "/rayspace/changes" and "proxy" not in path:
            body = {"profile": "nobody"} if path == "/rayspace/clusters" else {}
            told.append((await jupyter.ask(method, filled(path), body)).text)

    assert TOKEN not in "".join(told)
    assert TOKEN not in jupyter.log
    assert "Traceback" not in "".join(told)
