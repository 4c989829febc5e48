"""A walk finds what travels, enters nothing in vain, and lets no secret out."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from rayspace.errors import BundleError, NotebookNotFoundError, StorageError
from rayspace.gateways.project.workfiles import Workfiles, bundle_root, path_exists, plan_bundle
from rayspace.model.bundle import BundleFile, BundlePlan, Skip

if TYPE_CHECKING:
    from collections.abc import Iterator


def make(root: Path, *paths: str, **contents: str) -> Path:
    """Make files; returns the notebook."""
    for path in ("n.ipynb", *paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text("x")
    for name, text in contents.items():
        (root / {"gitignore": ".gitignore", "rayspaceignore": ".rayspaceignore"}[name]).write_text(
            text
        )
    return root / "n.ipynb"


def paths(plan: BundlePlan) -> list[str]:
    """Return what travels, without the ignore files themselves."""
    return [file.path for file in plan.files if not file.path.endswith("ignore")]


def skipped(plan: BundlePlan) -> dict[str, Skip]:
    return {item.path: item.kind for item in plan.skipped}


def reasons(plan: BundlePlan) -> dict[str, str]:
    return {item.path: item.reason for item in plan.skipped}


# The root


@pytest.mark.parametrize("mark", [".git", "pyproject.toml", ".rayspace", ".rayspaceignore"])
def test_the_root_is_the_nearest_marked_directory(tmp_path: Path, mark: str) -> None:
    """A project is where people mark one."""
    notebook = make(tmp_path, "a/b/n.ipynb", "pyproject.toml", f"a/{mark}").parent / "a/b/n.ipynb"
    assert bundle_root(notebook) == tmp_path / "a"


def test_without_a_mark_the_root_is_the_notebooks_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lone notebook brings what lies beside it; a repository of the home is no project."""
    monkeypatch.setenv("HOME", str(tmp_path))
    make(tmp_path, ".git/config", "pyproject.toml", "work/n.ipynb")
    assert bundle_root(tmp_path / "work/n.ipynb") == tmp_path / "work"
    assert bundle_root(tmp_path / "n.ipynb") == tmp_path
    make(tmp_path, ".rayspaceignore")
    assert bundle_root(tmp_path / "work/n.ipynb") == tmp_path


def test_a_relative_path_is_enough(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """People type the name of the notebook."""
    make(tmp_path, ".git/config", "a/n.ipynb")
    monkeypatch.chdir(tmp_path / "a")
    assert bundle_root(Path("n.ipynb")) == tmp_path
    assert plan_bundle(tmp_path, Path("n.ipynb")).notebook == "a/n.ipynb"


# What travels


def test_files_beside_the_notebook_travel_sorted(tmp_path: Path) -> None:
    """Modules and small data come along, with their sizes."""
    notebook = make(tmp_path, "b.py", "a/c.csv")
    plan = plan_bundle(tmp_path, notebook)
    assert plan.files == (
        BundleFile("a/c.csv", 1),
        BundleFile("b.py", 1),
        BundleFile("n.ipynb", 1),
    )
    assert (plan.root, plan.notebook, plan.skipped) == (tmp_path, "n.ipynb", ())


def test_ignore_files_of_all_levels_are_honoured(tmp_path: Path) -> None:
    """A deeper file wins over a shallower one."""
    notebook = make(
        tmp_path, "a.csv", "keep/b.csv", "keep/.gitignore", "x/c.txt", "x/.gitignore",
        gitignore="*.csv\n",
    )  # fmt: skip
    (tmp_path / "keep/.gitignore").write_text("!b.csv\n")
    (tmp_path / "x/.gitignore").write_text("*.txt\n")
    plan = plan_bundle(tmp_path, notebook)
    assert paths(plan) == ["keep/b.csv", "n.ipynb"]
    assert reasons(plan) == {
        "a.csv": "ignored by .gitignore",
        "x/c.txt": "ignored by x/.gitignore",
    }


def test_our_ignore_file_adds_to_gits_and_can_undo_it(tmp_path: Path) -> None:
    """What git need not keep a job may need, and the other way round."""
    notebook = make(
        tmp_path, "data/x.csv", "docs/y.md", gitignore="data/\n", rayspaceignore="!data/\ndocs/\n"
    )
    plan = plan_bundle(tmp_path, notebook)
    assert paths(plan) == ["data/x.csv", "n.ipynb"]
    assert reasons(plan) == {"docs/": "ignored by .rayspaceignore"}


def test_the_whitelist_idiom_is_understood(tmp_path: Path) -> None:
    """Everything but Python and directories with it."""
    notebook = make(tmp_path, "src/a.py", "src/b.txt", gitignore="*\n!*/\n!*.py\n")
    assert paths(plan_bundle(tmp_path, notebook)) == ["n.ipynb", "src/a.py"]


def test_ignore_files_above_the_root_speak_too(tmp_path: Path) -> None:
    """A project inside a repository obeys the repository."""
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / ".gitignore").write_text("*.log\n")
    (tmp_path / ".git/info/exclude").write_text("mine.txt\n")
    notebook = make(tmp_path / "sub", "a.log", "mine.txt")
    plan = plan_bundle(tmp_path / "sub", notebook)
    assert paths(plan) == ["n.ipynb"]
    assert reasons(plan) == {
        "a.log": "ignored by ../.gitignore",
        "mine.txt": "ignored by .git/info/exclude",
    }


def test_the_exclude_list_of_a_worktree_is_that_of_its_repository(tmp_path: Path) -> None:
    """There ``.git`` is a file that points to the store."""
    main, tree = tmp_path / "main", tmp_path / "tree"
    git = ["git", "-C", str(main), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "init", "-q", str(main)], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
    subprocess.run([*git, "worktree", "add", "-q", str(tree)], check=True, capture_output=True)
    (main / ".git/info/exclude").write_text("mine.txt\n")
    notebook = make(tree, "mine.txt")
    assert reasons(plan_bundle(tree, notebook))["mine.txt"] == "ignored by .git/info/exclude"


def test_a_repository_of_the_home_does_not_speak_of_projects(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """People keep their settings in git with a list that ignores all else."""
    monkeypatch.setenv("HOME", str(tmp_path))
    make(tmp_path, ".git/config", gitignore="*\n")
    notebook = make(tmp_path / "work", "a.py")
    assert paths(plan_bundle(tmp_path / "work", notebook)) == ["a.py", "n.ipynb"]


def test_of_a_home_directory_the_settings_stay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A notebook in the home directory does not bring what programs keep there."""
    monkeypatch.setenv("HOME", str(tmp_path))
    notebook = make(tmp_path, ".config/x/y", ".bashrc", "a.py", "sub/.hidden")
    assert paths(plan_bundle(tmp_path, notebook)) == ["a.py", "n.ipynb", "sub/.hidden"]


@pytest.mark.parametrize(
    "path",
    [".env", "deploy/.env.prod", "a/key.pem", "id_rsa", ".ssh/config", "kubeconfig", ".git/config"],
)
def test_secrets_never_travel_even_if_asked_for(tmp_path: Path, path: str) -> None:
    """An include of all files brings none; one that names it is refused with the reason."""
    notebook = make(tmp_path, path, "ok.py")
    assert paths(plan_bundle(tmp_path, notebook, includes=["**"])) == ["n.ipynb", "ok.py"]
    with pytest.raises(BundleError, match="stays behind: ") as caught:
        plan_bundle(tmp_path, notebook, includes=[path])
    assert caught.value.details["kind"] in {"secret", "version_control"}


def test_what_tools_make_stays(tmp_path: Path) -> None:
    """Caches, stores, results and environments of any name are found."""
    notebook = make(
        tmp_path, "__pycache__/a.pyc", ".ipynb_checkpoints/n.ipynb", "mlruns/0/x", "mlflow.db",
        "n.runs/r/n.ipynb", "myenv/pyvenv.cfg", "myenv/lib/x.py", "conda/conda-meta/h",
    )  # fmt: skip
    plan = plan_bundle(tmp_path, notebook)
    assert paths(plan) == ["n.ipynb"]
    assert skipped(plan) == dict.fromkeys(
        [
            ".ipynb_checkpoints/",
            "__pycache__/",
            "conda/",
            "mlflow.db",
            "mlruns/",
            "myenv/",
            "n.runs/",
        ],
        Skip.GENERATED,
    )
    assert plan.summary() == "1 file, 1 B"


def test_the_notebook_travels_whatever_ignores_it(tmp_path: Path) -> None:
    """A job without its notebook is none; what lies beside it stays ignored."""
    make(tmp_path, "scratch/a.py", "scratch/n.ipynb", gitignore="scratch/\n*.ipynb\n")
    plan = plan_bundle(tmp_path, tmp_path / "scratch/n.ipynb")
    assert paths(plan) == ["scratch/n.ipynb"]
    assert plan.notebook == "scratch/n.ipynb"


def test_an_ignored_directory_is_not_entered(tmp_path: Path) -> None:
    """What a hundred thousand ignored files would cost is not paid; the size is then unknown."""
    notebook = make(tmp_path, gitignore="data/\nsmall/\n")
    (tmp_path / "data").mkdir()
    for number in range(2_001):
        (tmp_path / "data" / str(number)).touch()
    make(tmp_path, "small/a/b", "small/c")
    plan = plan_bundle(tmp_path, notebook)
    sizes = {item.path: item.size_bytes for item in plan.skipped}
    assert sizes == {"data/": None, "small/": 2}


# Includes


def test_an_include_brings_back_what_is_ignored(tmp_path: Path) -> None:
    """One file of an ignored directory; the rest is one line of the list."""
    notebook = make(tmp_path, "data/x.csv", "data/y.csv", "data/deep/x.csv", gitignore="data/\n")
    plan = plan_bundle(tmp_path, notebook, includes=["data/x.csv"])
    assert paths(plan) == ["data/x.csv", "n.ipynb"]
    assert reasons(plan) == {"data/": "ignored by .gitignore, but for what was included"}
    everything = plan_bundle(tmp_path, notebook, includes=["data"])
    assert paths(everything) == ["data/deep/x.csv", "data/x.csv", "data/y.csv", "n.ipynb"]


def test_an_include_brings_what_tools_made_only_by_name(tmp_path: Path) -> None:
    """A wish for all tables is no wish for those of a run."""
    notebook = make(tmp_path, "mlruns/0/a.csv", "b.csv", gitignore="*.csv\n")
    assert paths(plan_bundle(tmp_path, notebook, includes=["*.csv"])) == ["b.csv", "n.ipynb"]
    named = plan_bundle(tmp_path, notebook, includes=["mlruns"])
    assert paths(named) == ["mlruns/0/a.csv", "n.ipynb"]


@pytest.mark.parametrize("glob", ["missing.csv", "data/*.parquet"])
def test_an_include_that_means_nothing_is_refused(tmp_path: Path, glob: str) -> None:
    """A slip of the pen is found before the job misses the file."""
    notebook = make(tmp_path, "data/x.csv")
    with pytest.raises(BundleError, match="means no file"):
        plan_bundle(tmp_path, notebook, includes=[glob])


def test_large_files_stay_unless_asked_for(tmp_path: Path) -> None:
    """A limit for each file and one for all; what was asked for has neither."""
    notebook = make(tmp_path, "a.bin")
    (tmp_path / "big.bin").write_bytes(b"x" * 3_000)
    plan = plan_bundle(tmp_path, notebook, file_limit_bytes=2_999)
    assert paths(plan) == ["a.bin", "n.ipynb"]
    assert reasons(plan) == {"big.bin": "larger than 2.9 KiB"}
    assert paths(plan_bundle(tmp_path, notebook, file_limit_bytes=3_000))[1] == "big.bin"
    asked = plan_bundle(
        tmp_path, notebook, includes=["big.bin"], file_limit_bytes=10, total_limit_bytes=10
    )
    assert asked.total_bytes == 3_002
    with pytest.raises(BundleError, match=r"the largest are big\.bin"):
        plan_bundle(tmp_path, notebook, total_limit_bytes=10)


def test_too_many_files_are_refused(tmp_path: Path) -> None:
    """A wrong root is found by its number of files."""
    notebook = make(tmp_path, *(f"images/{number}" for number in range(5)))
    with pytest.raises(BundleError, match="most of them are in images/"):
        plan_bundle(tmp_path, notebook, files_limit=5)


# Odd entries


def test_links_travel_where_their_targets_do(tmp_path: Path) -> None:
    """Inside yes, outside no, to nothing no, and a loop ends."""
    outside = tmp_path / "outside.csv"
    outside.write_text("x")
    root = tmp_path / "project"
    notebook = make(root, "a/x.py", ".env")
    targets: dict[str, str | Path] = {
        "inside.py": root / "a/x.py",
        "folder": "a",
        "outside.csv": outside,
        "nothing": "missing",
        "self": "self",
        "a/up": root,
        "secret": ".env",
    }
    for link, target in targets.items():
        (root / link).symlink_to(target)
    plan = plan_bundle(root, notebook)
    assert plan.files == (
        BundleFile("a/x.py", 1),
        BundleFile("folder", 0, "a"),
        BundleFile("inside.py", 0, "a/x.py"),
        BundleFile("n.ipynb", 1),
    )
    assert reasons(plan) == {
        ".env": "may hold credentials, which never travel",
        "a/up": "a link to ., which would make a loop",
        "nothing": "a link to nothing",
        "outside.csv": f"a link to {outside}, outside the project",
        "secret": "a link to .env, which does not travel",
        "self": "a link to nothing",
    }


def test_a_notebook_that_is_a_link_travels_as_a_file(tmp_path: Path) -> None:
    """Wherever it points to, it is what the job runs."""
    real = tmp_path / "real.ipynb"
    real.write_text("xyz")
    root = tmp_path / "project"
    root.mkdir()
    (root / "n.ipynb").symlink_to(real)
    assert plan_bundle(root, root / "n.ipynb").files == (BundleFile("n.ipynb", 3),)


def test_a_root_behind_a_link_is_the_same_root(tmp_path: Path) -> None:
    """Paths are told apart after links were followed."""
    notebook = make(tmp_path / "real", "a.py")
    (tmp_path / "link").symlink_to("real")
    plan = plan_bundle(tmp_path / "link", tmp_path / "link" / notebook.name)
    assert (plan.root, paths(plan)) == (tmp_path / "real", ["a.py", "n.ipynb"])


def test_pipes_and_sockets_stay(tmp_path: Path) -> None:
    """Reading them would block; an ignore file that is one is none."""
    notebook = make(tmp_path, "sub/a.py")
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "sub/.gitignore")
    with socket.socket(socket.AF_UNIX) as server, contextlib.chdir(tmp_path):
        server.bind("socket")
        plan = plan_bundle(tmp_path, notebook)
    assert skipped(plan) == dict.fromkeys(["pipe", "socket", "sub/.gitignore"], Skip.SPECIAL)


def test_a_name_that_is_not_text_stays(tmp_path: Path) -> None:
    """Such a name could not be written down."""
    notebook = make(tmp_path)
    (tmp_path / os.fsdecode(b"bad-\xff.txt")).touch()
    plan = plan_bundle(tmp_path, notebook)
    assert skipped(plan) == {"bad-\\xff.txt": Skip.UNREADABLE}


@contextlib.contextmanager
def without_privilege(folder: Path) -> Iterator[None]:
    """Act as a user for whom permissions hold, also where tests run as root."""
    if os.geteuid() != 0:
        yield
        return
    for path in (folder, *folder.rglob("*")):
        os.chown(path, 65534, 65534)
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


def test_what_can_not_be_read_stays_unless_it_is_the_notebook() -> None:
    """A file of somebody else does not stop a job; the notebook does."""
    # Not below pytest's directory, which only root may enter.
    root = Path(tempfile.mkdtemp())
    try:
        notebook = make(root, "a.py", "closed.py", "folder/b.py", "listed/c.py")
        with without_privilege(root):
            (root / "closed.py").chmod(0)
            (root / "folder").chmod(0)
            (root / "listed").chmod(0o444)
            plan = plan_bundle(root, notebook)
            notebook.chmod(0)
            with pytest.raises(BundleError, match="can't be read"):
                plan_bundle(root, notebook)
            with pytest.raises(StorageError, match="can't be read"):
                Workfiles().read(notebook)
            (root / "folder").chmod(0o755)
            (root / "listed").chmod(0o755)
        assert paths(plan) == ["a.py", "n.ipynb"]
        assert reasons(plan) == {
            "closed.py": "not readable",
            "folder/": "permission denied",
            "listed/c.py": "permission denied",
        }
    finally:
        shutil.rmtree(root)


def test_a_missing_notebook_is_told_with_its_neighbours(tmp_path: Path) -> None:
    """A slip of the pen is answered with what is there."""
    make(tmp_path, "train.ipynb")
    with pytest.raises(NotebookNotFoundError) as caught:
        plan_bundle(tmp_path, tmp_path / "trian.ipynb")
    assert "train.ipynb" in caught.value.hint
    with pytest.raises(NotebookNotFoundError):
        Workfiles().read(tmp_path)
    with pytest.raises(NotebookNotFoundError):
        Workfiles().read(tmp_path / "no" / "n.ipynb")


def test_a_notebook_outside_the_project_is_refused(tmp_path: Path) -> None:
    """What travels is below the root."""
    notebook = make(tmp_path)
    (tmp_path / "sub").mkdir()
    with pytest.raises(BundleError, match="lies outside the project"):
        plan_bundle(tmp_path / "sub", notebook)


def test_existence_is_told_of_any_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Text that is no path does not exist."""
    monkeypatch.setenv("HOME", str(tmp_path))
    make(tmp_path)
    assert path_exists(str(tmp_path / "n.ipynb"))
    assert path_exists("~/n.ipynb")
    assert not path_exists("a\0b")
    assert not path_exists("~nobody-of-that-name/x")
    assert not path_exists("x" * 5_000)


def test_the_gateway_does_all_of_it(tmp_path: Path) -> None:
    """One object reads, plans, packs and asks git."""
    files = Workfiles()
    notebook = make(tmp_path, "data/x.csv", gitignore="data/\n")
    root = files.root_of(notebook)
    plan = files.plan(notebook, root, ["data/x.csv"])
    packed = files.pack(plan, tmp_path.with_suffix(".tar.gz"))
    assert files.read(notebook) == b"x"
    assert paths(plan) == ["data/x.csv", "n.ipynb"]
    assert packed.size_bytes == packed.path.stat().st_size
    assert files.git_state(root).commit == ""
