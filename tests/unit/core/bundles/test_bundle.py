"""Secrets never travel, and what will be missing is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from rayspace.core.bundles.bundle import (
    check_count,
    check_size,
    is_secret,
    path_warnings,
    skip_by_name,
)
from rayspace.errors import BundleError
from rayspace.model.bundle import BundleFile, BundlePlan, Skip, Skipped


@pytest.mark.parametrize(
    "path",
    [
        ".env",
        ".env.local",
        "deploy/.ENV",
        "server.pem",
        "a/tls.key",
        "id_rsa",
        "id_rsa.pub",
        "id_ed25519",
        "cert.p12",
        "x.pfx",
        ".netrc",
        ".pypirc",
        "kubeconfig",
        "prod.kubeconfig",
        ".kube",
        ".ssh",
        ".aws",
        "passwords.kdbx",
        "credentials.json",
        "service-account-1.json",
        "service_account.json",
        ".config/gcloud",
        ".streamlit/secrets.toml",
        ".docker/config.json",
        ".rayspace/config.json",
        ".git-credentials",
        "kaggle.json",
    ],
)
def test_files_that_hold_credentials_are_known_by_name(path: str) -> None:
    """In any directory, in any case."""
    assert is_secret(path)
    assert is_secret(f"deep/in/{path}")
    verdict = skip_by_name(path, is_dir=False)
    assert verdict is not None
    assert verdict[0] is Skip.SECRET


@pytest.mark.parametrize(
    "path",
    [
        "environment.yml",
        "env.py",
        "keys.py",
        "monkey",
        "config.json",
        "credentials.py",
        "token.txt",
    ],
)
def test_ordinary_files_are_no_secrets(path: str) -> None:
    """A list that is too wide would keep back what a job needs."""
    assert skip_by_name(path, is_dir=False) is None


@pytest.mark.parametrize(
    ("path", "is_dir", "kind"),
    [
        (".git", True, Skip.VERSION_CONTROL),
        (".git", False, Skip.VERSION_CONTROL),
        ("a/__pycache__", True, Skip.GENERATED),
        ("__pycache__", False, None),
        (".ipynb_checkpoints", True, Skip.GENERATED),
        ("web/node_modules", True, Skip.GENERATED),
        ("mlruns", True, Skip.GENERATED),
        ("train.runs", True, Skip.GENERATED),
        ("train.runs", False, None),
        ("mlflow.db", False, Skip.GENERATED),
        ("mlflow.db-journal", False, Skip.GENERATED),
        ("a.pyc", False, Skip.GENERATED),
        (".gitignore", False, None),
    ],
)
def test_what_tools_make_is_known_by_name(path: str, is_dir: bool, kind: Skip | None) -> None:
    """Caches, results and stores stay behind; files and directories are told apart."""
    verdict = skip_by_name(path, is_dir=is_dir)
    assert (verdict[0] if verdict else None) is kind


def test_final_reasons_are_those_that_no_include_undoes() -> None:
    """Only what is ignored, generated or large can be asked for."""
    assert {kind for kind in Skip if not kind.is_final} == {
        Skip.IGNORED,
        Skip.GENERATED,
        Skip.TOO_LARGE,
    }


def test_a_large_bundle_is_refused_with_its_largest_files() -> None:
    """Sizes and names are said, and the two ways out."""
    files = [BundleFile(f"f{n}", n * 2**20) for n in range(1, 6)]
    check_size(files, 15 * 2**20)
    with pytest.raises(BundleError) as caught:
        check_size(files, 14 * 2**20)
    assert caught.value.message == (
        "The files that would travel have 15.0 MiB, more than 14.0 MiB; the largest are"
        " f5 (5.0 MiB), f4 (4.0 MiB), f3 (3.0 MiB)."
    )
    assert ".rayspaceignore" in caught.value.hint
    assert "--include" in caught.value.hint


def test_too_many_files_are_refused_with_the_fullest_directory() -> None:
    """The directory to leave out is named."""
    paths = ["a", *(f"images/{n}" for n in range(5))]
    check_count(paths, 6)
    with pytest.raises(
        BundleError, match="More than 5 files would travel; most of them are in images/"
    ):
        check_count(paths, 5)


PLAN = BundlePlan(
    root=Path("/home/ada/project"),
    notebook="notebooks/train.ipynb",
    files=(
        BundleFile("data/small.csv", 1),
        BundleFile("notebooks/data", 0, "../data"),
        BundleFile("notebooks/small.csv", 0, "../data/small.csv"),
        BundleFile("notebooks/train.ipynb", 1),
    ),
    skipped=(
        Skipped("big/", Skip.IGNORED, "ignored by .gitignore", 2**31),
        Skipped("link.csv", Skip.LINK, "a link to /mnt/x.csv, outside the project", 0),
        Skipped("notebooks/.env", Skip.SECRET, "may hold credentials, which never travel", 5),
        Skipped("pipe", Skip.SPECIAL, "no regular file", 0),
    ),
)
WARNINGS = {
    "../data/small.csv": None,
    "../data": None,
    "..": None,
    "data/small.csv": None,
    "data": None,
    "small.csv": None,
    "data/other.csv": (
        "which does not travel (it holds no file that travels); create it in the notebook if it"
        " writes there."
    ),
    "../missing.csv": None,
    "../big/x 1.csv": (
        "which does not travel (ignored by .gitignore); add --include 'big/x 1.csv'"
    ),
    "../big": "which does not travel (ignored by .gitignore); add --include big",
    ".env": (
        "which does not travel (may hold credentials, which never travel); pass the secret to the"
        " job as an environment variable."
    ),
    "../link.csv": (
        "which does not travel (a link to /mnt/x.csv, outside the project); put a copy in its"
        " place, or read from where it points to."
    ),
    "../pipe": "which does not travel (no regular file).",
    "/mnt/x.csv": (
        "which lies outside the project and does not travel; copy it into /home/ada/project, or"
        " read it from storage that the job can reach."
    ),
    "~/x.csv": (
        "which lies outside the project and does not travel; copy it into /home/ada/project, or"
        " read it from storage that the job can reach."
    ),
    "../../x.csv": (
        "which lies outside the project and does not travel; copy it into /home/ada/project, or"
        " read it from storage that the job can reach."
    ),
    "/home/ada/project/data/small.csv": (
        "which is a path of this machine; write '../data/small.csv', which travels."
    ),
}


@pytest.mark.parametrize("mention", WARNINGS)
def test_a_mentioned_file_that_will_be_missing_is_told_with_the_way_out(mention: str) -> None:
    """Cell, path, reason and what to do are one sentence; what travels is not spoken of."""
    warnings = path_warnings(PLAN, [(3, mention)], lambda path: "missing" not in path)
    expected = WARNINGS[mention]
    told = [] if expected is None else [f"Code cell 3 mentions {mention!r}, {expected}"]
    assert warnings == told


def test_on_this_machine_absolute_paths_hold() -> None:
    """A job that runs here finds what is here; what does not travel is missing all the same."""
    mentions = [(1, "/mnt/x.csv"), (2, "~/x.csv"), (3, "../big/x.csv")]
    warnings = path_warnings(PLAN, mentions, lambda _: True, same_machine=True)
    assert [warning[:11] for warning in warnings] == ["Code cell 3"]


def test_existence_is_asked_of_full_paths() -> None:
    """A path is looked at from where the notebook is, not from where the program runs."""
    asked: list[str] = []

    def exists(path: str) -> bool:
        asked.append(path)
        return False

    path_warnings(PLAN, [(1, "../x.csv"), (1, "~/y")], exists)
    assert asked == ["/home/ada/project/x.csv", "~/y"]


def test_the_summary_names_what_people_would_miss() -> None:
    """Counts, sizes and the largest of what stays behind fit in a line."""
    plan = BundlePlan(
        Path("/p"),
        "n.ipynb",
        (BundleFile("n.ipynb", 3 * 2**20), BundleFile("x", 104_858)),
        (
            Skipped(".git/", Skip.VERSION_CONTROL, "version control"),
            Skipped("a.csv", Skip.IGNORED, "ignored by .gitignore", 10),
            Skipped("data/", Skip.IGNORED, "ignored by .gitignore", 2_576_980_378),
            Skipped("huge/", Skip.IGNORED, "ignored by .gitignore", None),
            Skipped("node_modules/", Skip.GENERATED, "made by a tool"),
        ),
    )
    assert plan.summary() == (
        "2 files, 3.1 MiB; skipped huge/ (ignored by .gitignore), data/ 2.4 GiB (ignored by"
        " .gitignore), a.csv 10 B (ignored by .gitignore)"
    )
    assert [item.path for item in plan.largest_skipped(1)] == ["huge/"]
    assert BundlePlan(Path("/p"), "n", (BundleFile("n", 1),)).summary() == "1 file, 1 B"
