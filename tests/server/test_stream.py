"""The stream of changes: all tabs are told the same, and nobody misses anything."""

from __future__ import annotations

import asyncio
import json

from rayspace.gateways.memory.runs import MemoryRunGateway
from rayspace.model.cluster import ClusterPhase
from rayspace.model.run import Tag
from rayspace.server.hub import Hub
from tests.server.jupyter_process import JupyterProcess
from tests.server.twin import DEAD, FAR
from tests.waiting import until


def hub_with(n_changes: int) -> Hub:
    hub = Hub()
    for index in range(n_changes):
        hub.chosen({"project": "", "target": "local", "name": f"c{index}"})
    return hub


def told(hub: Hub, after: int, epoch: str) -> list[dict]:
    texts: list[str] = []
    hub.listen(object(), texts.append, after, epoch)
    return [json.loads(text) for text in texts]


def test_who_is_new_gets_a_snapshot():
    hub = hub_with(3)

    (message,) = told(hub, 0, "")

    assert (message["kind"], message["seq"]) == ("snapshot", 3)
    assert message["data"]["chosen"] == [{"project": "", "target": "local", "name": "c2"}]


def test_who_comes_back_gets_what_was_missed():
    hub = hub_with(5)

    assert [m["seq"] for m in told(hub, 2, hub.epoch)] == [3, 4, 5]
    assert told(hub, 5, hub.epoch) == []
    assert [m["seq"] for m in told(hub, 0, hub.epoch)] == [1, 2, 3, 4, 5]


def test_a_number_of_another_server_or_of_long_ago_gets_a_snapshot():
    hub = hub_with(5000)

    assert told(hub, 4000, "another")[0]["kind"] == "snapshot"
    assert told(hub, 10, hub.epoch)[0]["kind"] == "snapshot"
    assert told(hub, 9999, hub.epoch)[0]["kind"] == "snapshot"
    assert told(hub, 1000, hub.epoch)[0]["seq"] == 1001


def test_what_did_not_change_is_not_told():
    hub = hub_with(1)
    texts: list[str] = []
    hub.listen(object(), texts.append, 1, hub.epoch)

    hub.cluster({"target": "local", "name": "a", "phase": "ready"})
    hub.cluster({"target": "local", "name": "a", "phase": "ready"})
    hub.cluster_gone("local", "nobody")
    hub.jobs([{"name": "j", "submitted_ms": 1}])
    hub.jobs([{"name": "j", "submitted_ms": 1}])
    hub.jobs([])

    assert [json.loads(text)["kind"] for text in texts] == ["cluster", "job", "job_gone"]


def test_a_choice_and_a_problem_are_of_a_project():
    hub = hub_with(1)
    problem = {"code": "missing_extra"}
    texts: list[str] = []
    hub.listen(object(), texts.append, 1, hub.epoch)

    hub.chosen({"project": "a", "target": "local", "name": "c9"})
    for _ in range(2):
        hub.jobs_problems({"a": problem})
    everything = hub.snapshot()
    hub.jobs_problems({})

    assert [choice["name"] for choice in everything["chosen"]] == ["c0", "c9"]
    assert everything["jobs_problems"] == [{"project": "a", "problem": problem}]
    assert [json.loads(text)["data"] for text in texts[1:]] == [
        {"project": "a", "problem": problem},
        {"project": "a", "problem": None},
    ]


async def test_a_watch_that_stumbles_begins_anew(twin):
    listing = twin.gateways["local"].list
    stumbles = [ValueError("a defect"), KeyError("another")]

    async def stumbling():
        if stumbles:
            raise stumbles.pop()
        return await listing()

    twin.gateways["local"].list = stumbling
    twin.make("a")
    async with twin.stream() as tab:
        await tab.next()
        await tab.until("cluster", name="a")


async def test_two_tabs_are_told_the_same(twin):
    twin.make("before")
    async with twin.stream() as one, twin.stream() as two:
        for tab in (one, two):
            first = await tab.next()
            assert first["kind"] == "snapshot"
        twin.make("during")
        for tab in (one, two):
            message = await tab.until("cluster", name="during")
            assert message["data"]["phase"] == "ready"
        twin.worlds["local"].lose("during")
        seqs = [
            (await tab.until("cluster", name="during", phase="lost"))["seq"] for tab in (one, two)
        ]

    assert seqs[0] == seqs[1]
    numbers = [message["seq"] for message in one.seen if message["kind"] != "snapshot"]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


async def test_one_watch_serves_all_tabs(twin):
    n_looks = 0
    listing = twin.gateways["local"].list

    async def counted():
        nonlocal n_looks
        n_looks += 1
        return await listing()

    twin.gateways["local"].list = counted
    async with twin.stream() as one, twin.stream() as two, twin.stream() as three:
        for tab in (one, two, three):
            await tab.next()
        await one.until("target", name="local", state="answers")
        before = n_looks
        twin.make("new")
        for tab in (one, two, three):
            await tab.until("cluster", name="new")

    assert n_looks - before <= 2


async def test_a_tab_that_comes_back_goes_on_by_number(twin):
    async with twin.stream() as tab:
        snapshot = await tab.next()
        twin.make("a")
        seen = await tab.until("cluster", name="a")
    twin.make("b")
    twin.worlds["local"].lose("a")
    await asyncio.sleep(0.3)

    query = f"?epoch={snapshot['epoch']}&after={seen['seq']}"
    async with twin.stream(query) as tab:
        first = await tab.next()
        assert first["kind"] != "snapshot"
        assert first["seq"] == seen["seq"] + 1
        await tab.until("cluster", name="b") if first["data"].get("name") != "b" else None


async def test_a_target_that_is_dead_is_told_and_keeps_nobody_waiting(twin):
    twin.make("here", FAR)
    async with twin.stream() as tab:
        await tab.next()
        message = await tab.until("target", name=DEAD, state="silent")

        assert message["data"]["problem"]["code"] == "gateway_unavailable"
        names = {m["data"]["name"] for m in tab.seen if m["kind"] == "cluster"}
        found = names | {c["name"] for c in tab.seen[0]["data"]["clusters"]}
        assert "here" in found or await tab.until("cluster", name="here")
    listed = await twin.get("/rayspace/clusters")
    assert [target["name"] for target in listed["unreached"]] == [DEAD]
    assert [cluster["name"] for cluster in listed["clusters"]] == ["here"]


async def test_a_target_that_comes_back_is_right_again(twin):
    async with twin.stream() as tab:
        await tab.next()
        await tab.until("target", name=DEAD, state="silent")
        alive = type(twin.gateways["local"])
        twin.gateways[DEAD].list = lambda: alive.list(twin.gateways[DEAD])

        await tab.until("target", name=DEAD, state="answers")


async def test_progress_of_what_takes_long_comes_by_its_id(twin):
    twin.worlds["local"].starts_ready = False
    async with twin.stream() as tab:
        await tab.next()
        operation = await twin.post("/rayspace/clusters", {"profile": "laptop"}, status=202)
        await tab.until("cluster", name="laptop", phase="starting")
        twin.worlds["local"].make_ready("laptop")
        ended = await tab.until("operation", id=operation["id"], state="done")

    assert ended["data"]["result"]["phase"] == ClusterPhase.READY.value
    assert ended["data"]["name"] == "laptop"
    assert next(stage["key"] for stage in ended["data"]["stages"]) == "head"


async def test_what_fails_says_why(twin):
    operation = await twin.post("/rayspace/clusters", {"profile": "nothing-like-it"}, status=202)

    ended = await twin.done(operation)

    assert ended["state"] == "failed"
    assert ended["error"]["code"] == "profile_not_found"


async def test_a_tab_says_whether_anybody_sees_it(twin, monkeypatch):
    """Who comes back to it sees at once what there is, however long the next look takes."""
    monkeypatch.setattr("rayspace.server.job_watch._CALM_S", 3600.0)
    async with twin.stream() as tab:
        await until(lambda: twin.runs.calls)
        await tab.socket.send_json({"kind": "visible", "is_visible": False})
        await until(lambda: not twin.workspace.jobs.is_seen)
        assert len(twin.runs.calls) == 1
        await tab.socket.send_json({"kind": "visible", "is_visible": True})
        await until(lambda: len(twin.runs.calls) == 2)


async def test_a_tab_that_comes_after_the_last_one_left_sees_new_jobs(twin, monkeypatch):
    monkeypatch.setattr("rayspace.server.job_watch._CALM_S", 3600.0)
    hub = twin.workspace.hub
    async with twin.stream():
        await until(lambda: hub.snapshot()["jobs"] == [])
    await until(lambda: not hub.n_listeners)
    tags = {Tag.JOB: "new", Tag.SUBMITTED_MS: "1", Tag.PHASE: "succeeded"}
    twin.runs.create(experiment="e", name="new", tags=tags, params={})
    async with twin.stream() as tab:
        first = await tab.next()
        assert first["data"]["jobs"] == []
        await tab.until("job", name="new")


def ended_job(runs: MemoryRunGateway, name: str) -> None:
    tags = {Tag.JOB: name, Tag.SUBMITTED_MS: "1", Tag.PHASE: "succeeded"}
    runs.create(experiment="e", name=name, tags=tags, params={})


async def test_jobs_and_the_choice_are_told_with_their_project(twin):
    for name in ("a", "b"):
        (twin.root / name / "deep").mkdir(parents=True)
        (twin.root / name / "pyproject.toml").touch()
        twin.runs_of[name] = MemoryRunGateway()
        ended_job(twin.runs_of[name], f"{name}-job")
    ended_job(twin.runs, "of-root")
    twin.make("bench")
    async with twin.stream("?path=a") as tab, twin.stream("?path=b/deep"):
        jobs: dict[str, dict] = {}
        while len(jobs) < 3:
            job = (await tab.until("job"))["data"]
            jobs[job["name"]] = job
        await twin.post("/rayspace/clusters/local/bench/use", {"path": "b/deep"})
        await tab.until("chosen", project="b", target="local", name="bench")

        projects = {name: job["projects"] for name, job in jobs.items()}
        assert projects == {"of-root": [""], "a-job": ["a"], "b-job": ["b"]}
        assert (await twin.get("/rayspace/health?path=b/deep"))["project_path"] == "b"
        for name, (path,) in projects.items():
            retry = f"/rayspace/jobs/{name}/retry"
            assert (await twin.post(retry, {"path": path}, status=202))["name"] == name
    async with twin.stream() as tab:
        chosen = {one["project"]: one["name"] for one in (await tab.next())["data"]["chosen"]}
        assert chosen == {"": "", "a": "", "b": "bench"}


async def test_a_tracking_server_that_is_away_is_a_problem_of_its_project_alone(twin, monkeypatch):
    for name in ("_LEAST_S", "_CALM_S"):
        monkeypatch.setattr(f"rayspace.server.job_watch.{name}", 0.2)
    for name in ("a", "b"):
        (twin.root / name).mkdir()
        twin.runs_of[name] = MemoryRunGateway()
        ended_job(twin.runs_of[name], f"{name}-job")

    async with twin.stream("?path=a") as tab, twin.stream("?path=b"):
        await tab.until("job", name="b-job")
        twin.runs_of["a"].is_away = True
        problem = (await tab.until("jobs_problem", project="a"))["data"]["problem"]
        assert problem["code"] == "gateway_unavailable"
        ended_job(twin.runs_of["b"], "another")
        # That of a stays, and those of b are looked at as ever.
        await tab.until("job", name="another")
        told = {message["data"].get("project") for message in tab.seen if is_problem(message)}
        assert told == {"a"}
        assert not [message for message in tab.seen if message["kind"] == "job_gone"]


def is_problem(message: dict) -> bool:
    return message["kind"] == "jobs_problem"


async def test_what_a_client_says_wrongly_is_passed_over(twin):
    async with twin.stream() as tab:
        await tab.next()
        for text in ("", "[]", "{}", '{"kind": "visible"}', "null", '"x"'):
            await tab.socket.send_str(text)
        twin.make("still-told")
        await tab.until("cluster", name="still-told")


async def test_a_query_that_is_wrong_opens_nothing(twin):
    answer = await twin.ask("GET", "/rayspace/changes?after=-1")
    assert (answer.status, answer.json["code"]) == (400, "usage")


async def test_nothing_is_looked_at_when_nobody_listens(twin, monkeypatch):
    monkeypatch.setattr("rayspace.server.watching._LINGER_S", 0.2)
    async with twin.stream() as tab:
        await tab.next()
        await until(lambda: twin.workspace.watching.is_going)
    await until(lambda: not twin.workspace.watching.is_going)
    await until(lambda: not twin.worlds["local"].hearers)


async def test_after_a_restart_everything_is_right_again(tmp_path, own_home):
    root, home = tmp_path / "root", tmp_path / "home"
    root.mkdir()
    home.mkdir()
    server = JupyterProcess(root, home, tmp_path / "state").start()
    try:
        async with server.stream() as tab:
            before = await tab.next()
            await tab.until("target", name="local", state="answers")
            server.stop(hard=True)
        server.start()
        query = f"?epoch={before['epoch']}&after={tab.seen[-1]['seq']}"
        async with server.stream(query) as tab:
            after = await tab.next()
        assert after["kind"] == "snapshot"
        assert after["epoch"] != before["epoch"]
    finally:
        server.stop()
