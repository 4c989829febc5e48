"""What goes on after it was answered: it can be left to itself, and says so."""

from __future__ import annotations

from rayspace.model.target import LOCAL


async def test_nobody_has_to_wait_for_a_cluster_that_does_not_come_up(twin):
    """The waiting ends, with its last word kept; the cluster goes on."""
    twin.worlds[LOCAL].starts_ready = False
    async with twin.stream() as tab:
        await tab.next()
        begun = await twin.post("/rayspace/clusters", {"name": "slow"}, status=202)
        await tab.until("cluster", name="slow", phase="starting")

        stopped = await twin.post(f"/rayspace/operations/{begun['id']}/stop")
        told = await tab.until("operation", id=begun["id"], state="stopped")
    again = await twin.post(f"/rayspace/operations/{begun['id']}/stop")

    assert (stopped["state"], stopped["error"]) == ("stopped", None)
    assert stopped["ended_ms"] >= begun["started_ms"]
    assert told["data"]["stages"] == stopped["stages"] == again["stages"]
    clusters = (await twin.get("/rayspace/clusters"))["clusters"]
    assert [(c["name"], c["phase"]) for c in clusters] == [("slow", "starting")]


async def test_who_ends_a_cluster_does_not_wait_for_it_any_more(twin):
    """Its start has not failed: it was wanted so."""
    twin.worlds[LOCAL].starts_ready = False
    async with twin.stream() as tab:
        await tab.next()
        begun = await twin.post("/rayspace/clusters", {"name": "slow"}, status=202)
        await tab.until("cluster", name="slow", phase="starting")
    down = await twin.done(await twin.post("/rayspace/clusters/local/slow/down", status=202))
    waited = await twin.get(f"/rayspace/operations/{begun['id']}")

    assert (down["state"], waited["state"], waited["error"]) == ("done", "stopped", None)


async def test_what_would_be_left_half_done_is_not_stopped(twin):
    twin.make("a")
    down = await twin.done(await twin.post("/rayspace/clusters/local/a/down", status=202))
    workspace = twin.workspace
    workspace.operations._all["half"] = {**down, "id": "half", "state": "running"}

    answer = await twin.ask("POST", "/rayspace/operations/half/stop", {})

    assert (answer.status, answer.json["code"]) == (409, "phase")
    assert answer.json["hint"]


async def test_an_operation_that_nobody_knows_is_404(twin):
    answer = await twin.ask("POST", "/rayspace/operations/nobody/stop", {})

    assert (answer.status, answer.json["code"]) == (404, "operation_not_found")
