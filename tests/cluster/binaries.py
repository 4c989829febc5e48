"""Build Kubernetes, KubeRay, CoreDNS and Kueue from their Go modules."""

from __future__ import annotations

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.errors import ClusterToolError
from tests.cluster.store import ENVIRON, HERE, part

KUBERNETES_VERSION = "v1.35.4"
_BASE = "k8s.io/component-base/version"
_LDFLAGS = (
    f"-s -w -X {_BASE}.gitVersion={KUBERNETES_VERSION} -X {_BASE}.gitMajor=1"
    f" -X {_BASE}.gitMinor=35 -X k8s.io/client-go/pkg/version.gitVersion={KUBERNETES_VERSION}"
)
#: Packages that are built at the same time: each may take a gigabyte, and two cores are two. [1]
_N_PARALLEL = 2


@dataclass(frozen=True)
class GoModule:
    """One Go module with ``tool`` lines.

    Parameters
    ----------
    name
        Its folder in ``tests/cluster/go``.
    config_of
        Module whose folder ``config`` is kept beside the programs; empty for none.
    """

    name: str
    config_of: str = ""


KUBERNETES = GoModule("kubernetes")
COREDNS = GoModule("coredns")
KUBERAY = GoModule("kuberay", "github.com/ray-project/kuberay/ray-operator")
#: The oldest KubeRay that the product takes.
OLDER_KUBERAY = GoModule("older-kuberay", "github.com/ray-project/kuberay/ray-operator")
KUEUE = GoModule("kueue", "sigs.k8s.io/kueue")


def build(module: GoModule) -> Path:
    """Build the tools of a module.

    Parameters
    ----------
    module
        The module.

    Returns
    -------
    pathlib.Path
        Folder with ``bin`` and, if asked for, ``config``.

    Raises
    ------
    ClusterToolError
        If there is no Go, or it fails.
    """
    source = HERE / "go" / module.name
    version = _go(["version"], source).strip()
    pieces: list[str | bytes | Path] = [
        source / "go.mod",
        source / "go.sum",
        _LDFLAGS,
        version,
        module.config_of,
    ]

    def make(folder: Path) -> None:
        tools = _go(["list", "-f", "{{.ImportPath}}", "tool"], source).split()
        (folder / "bin").mkdir()
        words = ["build", "-p", str(_N_PARALLEL), "-trimpath", "-mod=readonly"]
        _go([*words, "-ldflags", _LDFLAGS, "-o", f"{folder}/bin/", *tools], source)
        if module.config_of:
            origin = _go(["list", "-m", "-f", "{{.Dir}}", module.config_of], source).strip()
            shutil.copytree(Path(origin) / "config", folder / "config")
            # What comes from the module cache is read-only.
            subprocess.run(["chmod", "-R", "u+w", str(folder / "config")], check=True)

    return part(module.name, pieces, make)


def config(module: str, version: str) -> Path:
    """Return the folder ``config`` of a module of which nothing is built.

    Parameters
    ----------
    module
        Its path.
    version
        Its version.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    ClusterToolError
        If there is no Go, or it fails.
    """

    def make(folder: Path) -> None:
        # Outside of any module, so that none is changed by it.
        answer = json.loads(_go(["mod", "download", "-json", f"{module}@{version}"], folder))
        shutil.copytree(Path(answer["Dir"]) / "config", folder / "config")
        subprocess.run(["chmod", "-R", "u+w", str(folder / "config")], check=True)

    name = f"{module.rpartition('/')[2]}-config"
    return part(name, [module, version], make) / "config"


def _go(words: list[str], directory: Path) -> str:
    program = shutil.which("go", path=f"{ENVIRON.get('PATH', '')}:/usr/local/go/bin")
    if program is None:
        raise ClusterToolError(
            "Go is not installed, which builds Kubernetes.",
            hint="Install Go 1.26 or newer, or leave the cluster out: --no-cluster",
        )
    env = {**ENVIRON, "CGO_ENABLED": "0", "GOFLAGS": "", "GOTOOLCHAIN": "local", "GOWORK": "off"}
    done = subprocess.run(
        [program, *words], cwd=directory, env=env, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ClusterToolError(
            f"go {' '.join(words[:2])} failed in {directory}: {done.stderr.strip()[-2000:]}",
            hint="See whether the network reaches the Go module proxy, and try again.",
        )
    return done.stdout
