"""What answers at a head's address may be anything."""

from __future__ import annotations

from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from rayspace.errors import AccessError, GatewayError, GatewayUnavailableError, JobNotFoundError
from rayspace.gateways.ray_head.http import HttpHeadGateway
from rayspace.model.cluster import HeadAddress


@asynccontextmanager
async def server(status: int, body: str, content_type: str = "application/json"):
    """Answer every request alike."""

    async def answer(_request: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type=content_type)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield HeadAddress(f"http://127.0.0.1:{port}", "", "")
    finally:
        await runner.cleanup()


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (200, "<html>hello</html>", "text/html"),
        (200, "", "text/plain"),
        (200, "[]", "application/json"),
        (200, '"text"', "application/json"),
        (200, "{}", "application/json"),
        (200, '{"data": {"result": {"result": [{}]}}}', "application/json"),
        (404, "not found", "text/plain"),
        (500, "", "text/plain"),
    ],
)
async def test_another_program_at_the_address_is_an_error_of_its_own(status, body, content_type):
    gateway = HttpHeadGateway()
    async with server(status, body, content_type) as head:
        with pytest.raises(GatewayError):
            await gateway.version(head)
        if body != "{}":
            with pytest.raises(GatewayError):
                await gateway.nodes(head)


async def test_a_job_that_is_not_there_is_told_from_a_page_that_is_not_there():
    async with server(404, "not found") as head:
        with pytest.raises(JobNotFoundError):
            await HttpHeadGateway().job(head, "j")


async def test_a_job_that_says_nothing_of_itself_is_not_understood():
    async with server(200, '{"submission_id": "j", "status": "DANCING"}') as head:
        with pytest.raises(GatewayError, match="not a Ray that can be understood"):
            await HttpHeadGateway().job(head, "j")


async def test_a_refused_token_and_a_closed_port_are_told_apart():
    async with server(401, "") as head:
        with pytest.raises(AccessError):
            await HttpHeadGateway().version(head)
    with pytest.raises(GatewayUnavailableError):
        await HttpHeadGateway().version(head)
