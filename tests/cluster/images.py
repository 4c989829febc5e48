"""Build the images: small ones from programs, Ray's on a base of Debian's."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.cluster.archive import write_image, write_layer
from tests.cluster.binaries import COREDNS, KUBERAY, KUEUE, build
from tests.cluster.errors import ClusterToolError
from tests.cluster.stages import stage
from tests.cluster.store import ENVIRON, HERE, ROOT, part

if TYPE_CHECKING:
    from collections.abc import Sequence

RAY_VERSION = "2.60.0"
PREFIX = "docker.io/rayspace"
PAUSE = f"{PREFIX}/pause:test"
RAY = f"{PREFIX}/ray:test"
RAY_GPU = f"{PREFIX}/ray-gpu:test"
OPERATOR = f"{PREFIX}/kuberay-operator:test"
COREDNS_IMAGE = f"{PREFIX}/coredns:test"
KUEUE_IMAGE = f"{PREFIX}/kueue:test"
#: Who runs the small images, as operators ask for.
_NOBODY = "65532:65532"
#: User of the official image of Ray. [1]
_RAY_UID = 1000
_DEBIAN = "bookworm"
_PACKAGES = "python3,python3-venv,ca-certificates,procps,tini"
_VENV = "/opt/ray"
_ENV = {
    "PATH": f"{_VENV}/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/home/ray",
    "LANG": "C.UTF-8",
}
_BASE_SCRIPT = f"""\
groupadd --gid {_RAY_UID} ray
useradd --uid {_RAY_UID} --gid {_RAY_UID} --create-home --shell /bin/bash ray
python3 -m venv {_VENV}
{_VENV}/bin/python -m pip install --quiet --no-cache-dir \\
    'ray[default,client]=={RAY_VERSION}'
chown -R {_RAY_UID}:{_RAY_UID} {_VENV}
rm -rf /var/cache/apt/archives/*.deb /var/lib/apt/lists/*
"""


def small_images() -> list[Path]:
    """Build the images that hold one program each, and return their archives."""
    busybox = Path(shutil.which("busybox") or "/bin/busybox")
    programs: list[tuple[str, str, Path, list[str], dict[str, str]]] = [
        ("pause", PAUSE, busybox, ["/bin/busybox", "sleep", "2147483647"], {
            f"/bin/{name}": "/bin/busybox"
            for name in ("sh", "sleep", "cat", "ls", "wget", "nslookup", "nc", "httpd", "echo")
        }),
        ("operator", OPERATOR, build(KUBERAY) / "bin" / "ray-operator", ["/manager"], {}),
        ("coredns", COREDNS_IMAGE, build(COREDNS) / "bin" / "coredns",
         ["/coredns", "-conf", "/etc/coredns/Corefile"], {}),
        ("kueue", KUEUE_IMAGE, build(KUEUE) / "bin" / "kueue", ["/manager"], {}),
    ]  # fmt: skip
    archives = []
    for short, name, program, command, links in programs:

        def make(
            folder: Path,
            name: str = name,
            program: Path = program,
            command: Sequence[str] = command,
            links: dict[str, str] = links,
        ) -> None:
            layer = folder / "layer.tar"
            write_layer(layer, {command[0]: program}, links)
            write_image(folder / "image.tar", name, layer, command=command, user=_NOBODY)
            layer.unlink()

        archives.append(
            part(
                f"image-{short}",
                [program, name, _NOBODY, *command, *links, HERE / "archive.py"],
                make,
            )
            / "image.tar"
        )
    return archives


def base_image() -> Path:
    """Build what stands for the official image of Ray: Debian with Python and Ray, no more."""

    def make(folder: Path) -> None:
        root = folder / "root"
        with stage("install Debian into the base image"):
            run("debootstrap", "--variant=minbase", f"--include={_PACKAGES}", _DEBIAN, str(root))
        with stage("install Ray into the base image"):
            _chroot(root, _BASE_SCRIPT)
        layer = folder / "layer.tar"
        run("tar", "-C", str(root), "--numeric-owner", "-cf", str(layer), ".")
        shutil.rmtree(root)
        write_image(
            folder / "image.tar", f"{PREFIX}/base:test", layer, command=["bash"],
            env=_ENV, user=str(_RAY_UID), directory="/home/ray",
        )  # fmt: skip
        layer.unlink()

    pieces: list[str | bytes | Path] = [
        _DEBIAN,
        _PACKAGES,
        _BASE_SCRIPT,
        *_ENV.values(),
        HERE / "archive.py",
    ]
    return part("image-base", pieces, make) / "image.tar"


def ray_images() -> list[Path]:
    """Build the image of the product's own Dockerfile, and one with a stand-in for GPUs."""
    recipe = ROOT / "templates" / "image"
    gpu = HERE / "images" / "gpu"
    base = base_image()

    def make(folder: Path) -> None:
        compiled = folder / "gpu"
        compiled.mkdir()
        shutil.copy(gpu / "Dockerfile", compiled)
        run("gcc", "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o",
             str(compiled / "libnvidia-ml.so.1"), str(gpu / "nvml.c"))  # fmt: skip
        with tempfile.TemporaryDirectory(dir=folder) as storage:
            with stage("load the base image"):
                buildah(storage, "pull", "--quiet", f"docker-archive:{base}")
            with stage("build the image of Ray"):
                bud(storage, f"{PREFIX}/base:test", RAY, recipe)
                buildah(storage, "push", "--quiet", RAY, f"docker-archive:{folder}/ray.tar:{RAY}")
            with stage("build the image with the stand-in for GPUs"):
                bud(storage, RAY, RAY_GPU, compiled)
                target = f"docker-archive:{folder}/ray-gpu.tar:{RAY_GPU}"
                buildah(storage, "push", "--quiet", RAY_GPU, target)
        shutil.rmtree(compiled)

    folder = part("image-ray", [recipe, gpu, base.parent.name, RAY, RAY_GPU], make)
    return [folder / "ray.tar", folder / "ray-gpu.tar"]


def bud(storage: str, base: str, name: str, directory: Path) -> None:
    buildah(
        storage, "bud", "--quiet", "--isolation", "chroot", "--pull-never",
        "--volume", "/etc/ssl/certs:/etc/ssl/certs:ro",
        "--build-arg", f"BASE={base}", "--tag", name,
        "--file", str(directory / "Dockerfile"), str(directory),
    )  # fmt: skip


def buildah(storage: str, *words: str) -> None:
    place = ("--root", f"{storage}/root", "--runroot", f"{storage}/run")
    run("buildah", "--storage-driver", "overlay", *place, *words)


def _chroot(root: Path, script: str) -> None:
    """Run a script in a root directory, with the machine's certificates and name service."""
    shutil.copy("/etc/resolv.conf", root / "etc" / "resolv.conf")
    outer = f"""
        set -e
        mkdir -p '{root}/etc/ssl/certs'
        mount --bind /etc/ssl/certs '{root}/etc/ssl/certs'
        mount -t proc proc '{root}/proc'
        mount --bind /dev '{root}/dev'
        exec chroot '{root}' sh -ec "$RAYSPACE_SCRIPT"
    """
    run(
        "unshare", "--mount", "--propagation", "private", "sh", "-c", outer,
        env={"PATH": ENVIRON["PATH"], "RAYSPACE_SCRIPT": script, **_certificates()},
    )  # fmt: skip


def _certificates() -> dict[str, str]:
    """Return the variables that say where certificates are, where they are Debian's."""
    names = ("PIP_CERT", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE")
    values = {name: ENVIRON.get(name, "") for name in names}
    return {name: value for name, value in values.items() if value.startswith("/etc/ssl/certs")}


def run(*words: str, env: dict[str, str] | None = None) -> None:
    """Run a program; `ClusterToolError` with its words if it fails."""
    done = subprocess.run(words, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        text = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise ClusterToolError(
            f"{words[0]} failed while an image was built: {text}",
            hint="See whether the network and the disk are well, and try again.",
        )
