"""What the machine must have, said at once and together."""

from __future__ import annotations

import os
import shutil
import subprocess

from tests.cluster.errors import ClusterToolError
from tests.cluster.store import ENVIRON

#: Debian packages by a program that each brings.
DEBIAN = {
    "etcd": "etcd-server",
    "containerd": "containerd",
    "runc": "runc",
    "nft": "nftables",
    "ip": "iproute2",
    "socat": "socat",
    "debootstrap": "debootstrap",
    "busybox": "busybox-static",
    "buildah": "buildah",
    "conntrack": "conntrack",
    "tini": "tini",
    "gcc": "gcc",
    "unshare": "util-linux",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
}
_HINT = "Mend it, or leave the tests of the cluster out: --no-cluster"


def require_machine() -> None:
    """Install what can be installed; `ClusterToolError` for what can't be had here."""
    if os.geteuid() != 0:
        raise ClusterToolError(
            "The test cluster needs root, for namespaces and mounts.", hint=_HINT
        )
    if missing := [package for program, package in DEBIAN.items() if not _has(program)]:
        _install(sorted(set(missing)))
    command = ["unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "true"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ClusterToolError(
            f"This machine gives no namespaces: {done.stderr.strip()}", hint=_HINT
        )


def _has(program: str) -> bool:
    return shutil.which(program, path=f"{ENVIRON.get('PATH', '')}:/usr/sbin:/sbin") is not None


def _install(packages: list[str]) -> None:
    if shutil.which("apt-get") is None:
        raise ClusterToolError(
            f"This machine lacks {', '.join(packages)}.",
            hint="Install them under the names that this system has for them.",
        )
    env = {**ENVIRON, "DEBIAN_FRONTEND": "noninteractive"}
    for words in (["update", "-q"], ["install", "-yq", "--no-install-recommends", *packages]):
        done = subprocess.run(
            ["apt-get", *words], env=env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ClusterToolError(
                f"apt-get {words[0]} failed: {done.stderr.strip()[-800:]}",
                hint=f"Install by hand: apt-get install {' '.join(packages)}",
            )
