"""Dashboards as panes: of a real local Ray, and MLflow's own pages."""

from __future__ import annotations

import json
import re

import aiohttp
import pytest

from tests.server.test_security import logged_in

RAY = "/rayspace/proxy/ray/local/lab"
MLFLOW = "/rayspace/proxy/mlflow/local"


async def test_rays_dashboard_is_shown_with_its_assets(lab, lab_jupyter):
    page = await lab_jupyter.ask("GET", f"{RAY}/")
    scripts = re.findall(r'src="\./?([^"]+\.js)"', page.text)
    assets = [await lab_jupyter.ask("GET", f"{RAY}/{path}") for path in scripts]
    version = await lab_jupyter.get(f"{RAY}/api/version")
    nodes = await lab_jupyter.get(f"{RAY}/nodes?view=summary")

    assert page.status == 200
    assert "<title>Ray Dashboard</title>" in page.text
    assert assets
    assert all(asset.status == 200 and len(asset.text) > 10_000 for asset in assets)
    assert version["ray_version"] == "2.60.0"
    assert nodes["data"]["summary"]
    token = (lab.app.state_dir / "clusters" / "lab" / "token").read_text().strip()
    told = page.text + json.dumps(page.headers) + "".join(a.text for a in assets)
    assert token not in told
    assert token not in lab_jupyter.log


async def test_a_dashboard_is_looked_at_and_changes_nothing(lab_jupyter):
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        answer = await lab_jupyter.ask(method, f"{RAY}/api/jobs/", {"entrypoint": "true"})
        assert answer.status == 405, answer


@pytest.mark.parametrize("base", [RAY, MLFLOW])
@pytest.mark.parametrize("rest", ["../x", "%2e%2e/x", "a/..%2f..%2fx", "%252e%252e/x", "..%5cx"])
async def test_nothing_leads_out_of_a_pane(lab_jupyter, base, rest):
    answer = await lab_jupyter.ask("GET", f"{base}/{rest}")

    assert answer.status in {400, 404}


async def test_panes_open_for_nobody_else(lab_jupyter):
    for path in (f"{RAY}/", f"{RAY}/api/version", f"{MLFLOW}/"):
        for token in ("", "another"):
            answer = await lab_jupyter.ask("GET", path, token=token, allow_redirects=False)
            assert answer.status == 403
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as caught:
            await session.ws_connect(f"{lab_jupyter.url}{RAY}/api/jobs/x/logs/tail")
    assert caught.value.status == 403


async def test_a_browser_opens_a_pane_by_its_cookie(lab_jupyter):
    jar, _ = await logged_in(lab_jupyter)
    for headers in (
        {"Referer": f"{lab_jupyter.url}/lab"},
        {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate"},
    ):
        answer = await lab_jupyter.ask("GET", f"{RAY}/", token="", cookies=jar, headers=headers)
        assert answer.status == 200, answer


async def test_mlflows_pages_ask_and_are_answered(lab_jupyter):
    page = await lab_jupyter.ask("GET", f"{MLFLOW}/")
    scripts = re.findall(r'src="((?:static|\.)[^"]+\.js)"', page.text)
    jar, xsrf = await logged_in(lab_jupyter)
    search = f"{MLFLOW}/ajax-api/2.0/mlflow/experiments/search"

    assert page.status == 200
    assert "<title>MLflow</title>" in page.text
    assert '<script src="/user/alice/rayspace/proxy/xsrf.js"></script>' in page.text
    for path in scripts:
        asset = await lab_jupyter.ask("GET", f"{MLFLOW}/{path}")
        assert asset.status == 200
        assert len(asset.text) > 10_000
    with_token = {"X-XSRFToken": xsrf}
    found = await lab_jupyter.ask(
        "POST", search, {"max_results": 5}, token="", cookies=jar, headers=with_token
    )
    assert found.status == 200, found
    assert "experiments" in found.json
    refused = await lab_jupyter.ask("POST", search, {"max_results": 5}, token="", cookies=jar)
    assert refused.status == 403
    script = await lab_jupyter.ask("GET", "/rayspace/proxy/xsrf.js")
    assert script.status == 200
    assert "X-XSRFToken" in script.text


async def test_the_runs_of_another_project_are_in_a_pane_of_their_own(lab_jupyter):
    other = lab_jupyter.root / "other project"
    (other / ".rayspace").mkdir(parents=True, exist_ok=True)

    same = await lab_jupyter.ask("GET", f"{MLFLOW}/?path=", allow_redirects=False)
    led = await lab_jupyter.ask("GET", f"{MLFLOW}/?path=other%20project", allow_redirects=False)
    runs = await lab_jupyter.get("/rayspace/runs?path=other%20project")

    assert same.status == 200
    assert led.status == 302
    assert led.headers["Location"].endswith("/rayspace/proxy/mlflow/local%3Aother%20project/")
    assert runs["link"] == "rayspace/proxy/mlflow/local%3Aother%20project/"
    assert runs["tracking_uri"].endswith("/other project/mlflow.db")
