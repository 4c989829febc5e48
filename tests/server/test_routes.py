"""What each route answers, over twins: done, refused, not there, and texts that stay texts."""

from __future__ import annotations

import json

import pytest

from rayspace.model.cluster import ClusterPhase, Origin
from rayspace.model.job import JobOrder
from rayspace.model.profile_entry import ProfileFile
from rayspace.model.run import Artifact, RunStatus, Tag
from rayspace.model.wire import to_wire
from tests.laboratory import notebook_json
from tests.server.twin import DEAD, FAR

HOSTILE = "<script>alert(1)</script> \x1b[31mred\x1b[0m \x07 \u202e & 'x' \"y\""


def write(server, name: str, *sources: str, **options) -> str:
    (server.root / name).write_text(json.dumps(notebook_json(*sources, **options)), "utf-8")
    return name


async def test_clusters_of_all_targets_are_listed_by_target_and_name(twin):
    twin.make("b")
    twin.make("a")
    twin.make("z", FAR)

    listed = await twin.get("/rayspace/clusters")
    only = await twin.get("/rayspace/clusters?target=far%2Faway")

    assert [(c["target"], c["name"]) for c in listed["clusters"]] == [
        (FAR, "z"),
        ("local", "a"),
        ("local", "b"),
    ]
    assert listed["unreached"][0]["problem"]["code"] == "gateway_unavailable"
    assert [c["name"] for c in only["clusters"]] == ["z"]


async def test_a_name_with_a_slash_is_written_with_its_percent_sign(twin):
    twin.make("z", FAR)

    detail = await twin.get("/rayspace/clusters/far%2Faway/z")

    assert detail["cluster"]["target"] == FAR
    assert detail["dashboard"] == "rayspace/proxy/ray/far%2Faway/z/"


async def test_a_cluster_without_an_answer_still_shows_itself(twin):
    twin.make("a")
    twin.worlds["local"].lose("a")

    detail = await twin.get("/rayspace/clusters/local/a")

    assert detail["cluster"]["phase"] == ClusterPhase.LOST.value
    assert detail["nodes"] == []
    assert detail["nodes_problem"]["code"] == "gateway_unavailable"


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("/rayspace/clusters/local/nobody", "cluster_not_found"),
        ("/rayspace/clusters/nowhere/a", "target_not_found"),
        ("/rayspace/clusters?target=nowhere", "target_not_found"),
        ("/rayspace/jobs/nobody", "job_not_found"),
        ("/rayspace/jobs/nobody/logs", "job_not_found"),
        ("/rayspace/operations/nobody", "operation_not_found"),
        ("/rayspace/notebooks/parameters?path=nobody.ipynb", "notebook_not_found"),
    ],
)
async def test_what_is_not_there_is_404(twin, path, code):
    answer = await twin.ask("GET", path)

    assert (answer.status, answer.json["code"]) == (404, code)
    assert answer.json["message"].endswith(".")


@pytest.mark.parametrize("verb", ["scale", "suspend", "resume", "extend", "down", "use"])
async def test_nothing_begins_with_a_cluster_that_is_not_there(twin, verb):
    body = {"scale": {"workers": 1}, "extend": {"duration_s": 60}}.get(verb, {})

    answer = await twin.ask("POST", f"/rayspace/clusters/local/nobody/{verb}", body)

    assert (answer.status, answer.json["code"]) == (404, "cluster_not_found")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/rayspace/clusters", {"workers": -1}),
        ("/rayspace/clusters", {"unknown": 1}),
        ("/rayspace/clusters", []),
        ("/rayspace/clusters/plan", {"workers": "two"}),
        ("/rayspace/clusters/plan", {"memory": "8"}),
        ("/rayspace/clusters/local/a/scale", {}),
        ("/rayspace/clusters/local/a/extend", {"duration_s": 0}),
        ("/rayspace/jobs", {}),
        ("/rayspace/jobs", {"path": ""}),
        ("/rayspace/jobs/plan", {"path": "a.txt", "packages": "some"}),
    ],
)
async def test_a_wrong_wish_is_400_and_says_what_is_wrong(twin, path, body):
    answer = await twin.ask("POST", path, body)

    assert answer.status == 400, answer
    assert answer.json["code"] in {"usage", "quantity", "spec"}
    assert answer.json["message"]


async def test_a_body_that_is_no_json_is_400(twin):
    answer = await twin.ask("POST", "/rayspace/clusters", None, data=b"{no")

    assert (answer.status, answer.json["code"]) == (400, "usage")


@pytest.mark.parametrize("owner", ["ada", ""])
@pytest.mark.parametrize(
    ("verb", "body"),
    [
        ("scale", {"workers": 1}),
        ("suspend", {}),
        ("resume", {}),
        ("extend", {"duration_s": 60}),
        ("down", {}),
    ],
)
async def test_what_somebody_else_made_is_changed_by_force_only(twin, verb, body, owner):
    twin.make("a")
    cluster = twin.worlds["local"].clusters["a"]
    cluster.origin, cluster.owner = Origin.FOREIGN, owner

    refused = await twin.ask("POST", f"/rayspace/clusters/local/a/{verb}", body)
    forced = await twin.ask("POST", f"/rayspace/clusters/local/a/{verb}", {**body, "force": True})

    assert (refused.status, refused.json["code"]) == (403, "refused")
    assert owner in refused.json["message"]
    assert forced.status == 202


async def test_a_cluster_is_scaled_chosen_and_taken_down(twin):
    twin.make("a")
    scaled = await twin.done(
        await twin.post("/rayspace/clusters/local/a/scale", {"workers": 2}, status=202)
    )
    await twin.post("/rayspace/clusters/local/a/use")
    chosen = (await twin.get("/rayspace/clusters"))["chosen"]
    preview = await twin.post("/rayspace/clusters/local/a/down", {"dry_run": True})
    down = await twin.done(await twin.post("/rayspace/clusters/local/a/down", status=202))

    assert scaled["result"]["groups"][0]["n_desired"] == 2
    assert chosen == {"target": "local", "name": "a"}
    assert preview == {"name": "a", "actions": ["end a"], "is_dry_run": True}
    assert down["result"]["is_dry_run"] is False
    assert (await twin.get("/rayspace/clusters"))["clusters"] == []


async def test_what_can_not_be_is_told_by_the_operation(twin):
    twin.make("a")

    operation = await twin.done(await twin.post("/rayspace/clusters/local/a/suspend", status=202))

    assert operation["state"] == "failed"
    assert operation["error"]["code"] == "phase"
    assert operation["error"]["hint"]
    assert operation["id"] in [
        item["id"] for item in (await twin.get("/rayspace/operations"))["operations"]
    ]


async def test_a_plan_has_the_line_and_the_price(twin):
    profiles = twin.root / ".rayspace" / "profiles"
    profiles.mkdir(parents=True)
    (profiles / "dear.yaml").write_text("description: d\nworkers: 2\ncpus: 1\nprice: 1.5\n")

    answer = await twin.ask("POST", "/rayspace/clusters/plan", {"profile": "dear", "workers": 4})

    assert answer.status == 200, answer
    assert answer.json["magic"] == "%ray_cluster up dear --workers 4"
    assert answer.json["cost"] == {
        "per_hour": 6.0,
        "most_per_hour": 6.0,
        "price_per_hour": 1.5,
        "n_workers": 4,
        "max_workers": 4,
    }


async def test_a_namespace_has_profiles_of_its_own(twin):
    file = ProfileFile("team-gpu", "namespace", "configmap rayspace-profiles", "description: d\n")
    twin.worlds[FAR].profile_files = (file,)

    async def layers(query: str) -> dict[str, str]:
        found = (await twin.get(f"/rayspace/profiles{query}"))["profiles"]
        return {profile["name"]: profile["layer"] for profile in found}

    there = await layers("?target=far%2Faway")
    assert (there["team-gpu"], there["laptop"]) == ("namespace", "built-in")
    assert "team-gpu" not in await layers("")
    unknown = await twin.ask("GET", "/rayspace/profiles?target=nowhere")
    assert (unknown.status, unknown.json["code"]) == (404, "target_not_found")


async def test_parameters_are_fields_of_a_form(twin):
    source = (
        "flag: bool = True\nn = 3\nlr: float = 0.1  # learning rate\nname = 'a # b'\n"
        "layers: list[int] = [1]\nopt: Literal['adam', 'sgd'] = 'adam'\nmore: int | None = None\n"
        "anything = object()\nmust: str"
    )
    name = write(twin, "form.ipynb", "1", parameters=source)

    fields = (await twin.get(f"/rayspace/notebooks/parameters?path={name}"))["parameters"]

    assert {field["name"]: (field["kind"], field["default"]) for field in fields} == {
        "flag": ("bool", True),
        "n": ("int", 3),
        "lr": ("float", 0.1),
        "name": ("str", "a # b"),
        "layers": ("list", [1]),
        "opt": ("choice", "adam"),
        "more": ("int", None),
        "anything": ("any", None),
        "must": ("str", None),
    }
    by_name = {field["name"]: field for field in fields}
    assert by_name["lr"]["help"] == "learning rate"
    assert by_name["opt"]["choices"] == ["adam", "sgd"]
    assert by_name["more"]["is_optional"]
    assert not by_name["must"]["has_default"]


async def test_texts_stay_texts(twin):
    twin.make("a")
    twin.worlds["local"].lose("a")
    twin.worlds["local"].clusters["a"].reason = HOSTILE
    write(twin, "x.ipynb", "1", parameters=f"s = {HOSTILE!r}")

    answer = await twin.ask("GET", "/rayspace/clusters")
    fields = await twin.ask("GET", "/rayspace/notebooks/parameters?path=x.ipynb")

    assert answer.json["clusters"][0]["reason"] == HOSTILE
    assert fields.json["parameters"][0]["default"] == HOSTILE
    for told in (answer, fields):
        assert told.headers["Content-Type"] == "application/json"
        assert told.headers["X-Content-Type-Options"] == "nosniff"
        assert "default-src 'none'" in told.headers["Content-Security-Policy"]
        assert "\x1b" not in told.text
    async with twin.stream() as tab:
        snapshot = await tab.next()
        if not snapshot["data"]["clusters"]:
            snapshot = await tab.until("cluster", name="a")
            assert snapshot["data"]["reason"] == HOSTILE


VALUES = {"flag": True, "none": None, "layers": ["a", "c"], "lr": 1e-7, "name": "007"}


async def test_another_job_begins_with_the_values_of_a_job(twin, tmp_path):
    """In their types, with the notebook's own values of then; no results are fetched."""
    own = "flag = False\nnone: int | None = 3\nlayers = []\nlr = 0.1\nname = 'a'\nseed = 7"
    cells = notebook_json("print(lr)", parameters=own)
    write(twin, "train.ipynb", "print(1)")
    tags = {
        Tag.JOB: "a-job",
        Tag.NOTEBOOK: "train.ipynb",
        Tag.SOURCE_DIR: str(twin.root),
        Tag.SUBMITTED_MS: "1",
        Tag.PHASE: "succeeded",
    }
    params = {name: str(value) for name, value in VALUES.items()}
    run = twin.runs.create(experiment="e", name="a-job", tags=tags, params=params)
    parameters = {**VALUES, "hot": float("inf")}
    order = JobOrder("a-job", "train.ipynb", Artifact.BUNDLE, parameters, trials=({"seed": 1},))
    for name, content, folder in (
        ("job.json", to_wire(order), "rayspace"),
        ("train.ipynb", cells, Artifact.SOURCE_DIR),
    ):
        (tmp_path / name).write_text(json.dumps(content))
        twin.runs.upload(run.run_id, tmp_path / name, folder)

    inputs = await twin.get("/rayspace/jobs/a-job/inputs")

    assert inputs["parameters"] == {**VALUES, "hot": "inf"}
    assert inputs["source"] == "train.ipynb"
    assert [path.name for path in twin.root.glob("*.runs")] == []


@pytest.mark.parametrize("notebook", ["../../evil.ipynb", "/etc/evil.ipynb", "..", "a\\..\\evil"])
async def test_what_a_run_calls_itself_writes_nowhere_else(twin, tmp_path, monkeypatch, notebook):
    monkeypatch.chdir(twin.root)
    tags = {
        Tag.JOB: "a-job",
        Tag.NOTEBOOK: notebook,
        Tag.SOURCE_DIR: "/etc",
        Tag.SUBMITTED_MS: "1",
        Tag.PHASE: "succeeded",
    }
    run = twin.runs.create(experiment="e", name="a-job", tags=tags, params={})
    twin.runs.set_status(run.run_id, RunStatus.FINISHED)
    made = tmp_path / "notebook.ipynb"
    made.write_text("{}")
    twin.runs.upload(run.run_id, made, Artifact.RESULTS_DIR)

    answer = await twin.ask("POST", "/rayspace/jobs/a-job/fetch", {})

    assert answer.status == 200, answer
    for path in (answer.json["directory"], answer.json["notebook"] or answer.json["directory"]):
        assert path.startswith(str(twin.root))
    assert "evil" not in "".join(p.name for p in twin.root.parent.iterdir())


async def test_the_latest_runs_are_told_with_their_curves(twin):
    for index in range(8):
        run = twin.runs.create(
            experiment=f"e{index % 2}", name=f"r{index}", tags={}, params={"lr": "1"}
        )
        points = [("loss", 1.0 / (step + 1), step, step) for step in range(300)]
        twin.runs.update(run.run_id, metrics=[*points, ("system/cpu", 1.0, 0, 0)])

    found = await twin.get("/rayspace/runs?limit=2")
    one = await twin.get("/rayspace/runs?limit=50&experiment=e1")

    assert len(found["runs"]) == 4
    assert {item["experiment"] for item in one["runs"]} == {"e1"}
    (metric,) = found["runs"][0]["metrics"]
    assert metric["key"] == "loss"
    assert len(metric["points"]) == 100
    assert metric["points"][0] == [0, 1.0]
    assert metric["points"][-1][0] == 299


async def test_a_dead_target_is_told_and_not_waited_for(twin):
    targets = (await twin.get("/rayspace/targets"))["targets"]

    assert [(t["name"], t["state"]) for t in targets] == [
        ("local", "unknown"),
        (FAR, "unknown"),
        (DEAD, "unknown"),
    ]
