"""A head and an API server that answer over real sockets, and play what a test wants."""

from __future__ import annotations

import json
import ssl
import subprocess
import threading
import urllib.parse
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from rayspace.watcher.head import RayHead
from rayspace.watcher.own_cluster import OwnCluster
from rayspace.watcher.settings import WatcherSettings
from rayspace.watcher.watch import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RAY_TOKEN = "ray-token-of-this-test"
KUBE_TOKEN = "kube-token-of-this-test"
CREATED = "2026-01-01T00:00:00Z"
CREATED_MS = 1_767_225_600_000
UID = "uid-of-team"
CLUSTER = "/apis/ray.io/v1/namespaces/space/rayclusters/team"
POD = "/api/v1/namespaces/space/pods/team-head-abc"
KUEUE = "/apis/kueue.x-k8s.io"
WORKLOADS = "/apis/kueue.x-k8s.io/v1beta2/namespaces/space/workloads"


class Clock:
    """A clock that tests move."""

    def __init__(self) -> None:
        self.now_ms = CREATED_MS + 1000

    def __call__(self) -> int:
        return self.now_ms

    def forward(self, seconds: float) -> None:
        self.now_ms += round(seconds * 1000)


@dataclass
class Head:
    """What the head of the play says.

    Parameters
    ----------
    jobs, actors, tasks, applications
        Rows as Ray has them; of tasks the live ones.
    total
        How many tasks there have ever been.
    status
        What every request is answered with; 200 for what was asked for.
    requests
        What was asked for: method and path.
    """

    jobs: list[dict[str, Any]] = field(default_factory=list)
    actors: list[dict[str, Any]] = field(default_factory=list)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    applications: dict[str, Any] = field(default_factory=dict)
    total: int = 0
    status: int = 200
    requests: list[str] = field(default_factory=list)
    obeys: bool = True
    url: str = ""

    def add_job(self, name: str, status: str = "RUNNING", kind: str = "SUBMISSION") -> None:
        submission = name if kind == "SUBMISSION" else None
        self.jobs.append({"type": kind, "submission_id": submission, "status": status})

    def add_actor(self, name: str | None, namespace: str = "work", actor_id: str = "a1") -> None:
        self.actors.append({"actor_id": actor_id, "name": name, "ray_namespace": namespace})

    def add_task(self, kind: str = "NORMAL_TASK", actor_id: str | None = None) -> None:
        self.tasks.append({"type": kind, "actor_id": actor_id, "state": "RUNNING"})

    def answer(self, method: str, path: str, query: str, headers: Any, body: Any) -> Any:
        self.requests.append(f"{method} {path}")
        if headers.get("Authorization") != f"Bearer {RAY_TOKEN}":
            return 401, {"error": "Unauthorized: Missing authentication token"}
        if self.status != 200:
            return self.status, {"error": "the head is not well"}
        if path == "/api/jobs/":
            return 200, self.jobs
        if path.endswith("/stop"):
            return self._stop(urllib.parse.unquote(path.split("/")[3]))
        if path == "/api/serve/applications/":
            return 200, {"applications": self.applications}
        filters = urllib.parse.parse_qs(query)
        if path == "/api/v0/actors":
            rows = self.actors
            assert filters["filter_values"] == ["ALIVE"]
        elif "FINISHED" in filters.get("filter_values", []):
            rows = self.tasks
        else:
            rows = []
        return 200, {"data": {"result": {"result": rows, "total": self.total}}}

    def _stop(self, name: str) -> Any:
        found = [job for job in self.jobs if job["submission_id"] == name]
        if not found:
            return 404, {"error": "no such job"}
        if self.obeys:
            found[0]["status"] = "STOPPED"
        return 200, {"stopped": True}


@dataclass
class Api:
    """What the API server of the play holds.

    Parameters
    ----------
    objects
        Objects by their paths; lists of objects for collections.
    failures
        Statuses of the requests to come, by method; then all goes well again.
    patches
        What was patched: path and body.
    """

    objects: dict[str, Any] = field(default_factory=dict)
    failures: dict[str, list[int]] = field(default_factory=dict)
    patches: list[tuple[str, Any]] = field(default_factory=list)
    port: int = 0

    @property
    def cluster(self) -> dict[str, Any]:
        return self.objects[CLUSTER]

    @property
    def annotations(self) -> dict[str, str]:
        return self.cluster["metadata"]["annotations"]

    @property
    def is_suspended(self) -> bool:
        return self.cluster["spec"].get("suspend", False)

    @property
    def note(self) -> dict[str, Any]:
        return json.loads(self.annotations["rayspace.dev/activity"])

    def change(self) -> None:
        """Give the cluster a new version, as its operator does."""
        metadata = self.cluster["metadata"]
        metadata["resourceVersion"] = str(int(metadata["resourceVersion"]) + 1)

    def answer(self, method: str, path: str, query: str, headers: Any, body: Any) -> Any:
        if headers.get("Authorization") != f"Bearer {KUBE_TOKEN}":
            return 401, {"message": "Unauthorized"}
        if self.failures.get(method):
            return self.failures[method].pop(0), {"message": "not now"}
        found = self.objects.get(path)
        if found is None:
            return 404, {"message": f"{path} not found"}
        if method == "PATCH":
            assert headers["Content-Type"] == "application/merge-patch+json"
            wanted = body["metadata"]
            for name in ("uid", "resourceVersion"):
                if wanted.get(name, found["metadata"][name]) != found["metadata"][name]:
                    return 409, {"message": f"the {name} is another"}
            self.patches.append((path, body))
            _merge(found, body)
            if path == CLUSTER:
                self.change()
        return 200, found


def _merge(target: dict[str, Any], patch: dict[str, Any]) -> None:
    """Apply a merge patch: RFC 7386."""
    for key, value in patch.items():
        if value is None:
            target.pop(key, None)
        elif isinstance(value, dict):
            _merge(target.setdefault(key, {}), value)
        else:
            target[key] = value


def ray_cluster() -> dict[str, Any]:
    """Return the RayCluster of the play."""
    return {
        "metadata": {
            "name": "team",
            "uid": UID,
            "creationTimestamp": CREATED,
            "resourceVersion": "1",
            "annotations": {},
            "labels": {},
        },
        "spec": {},
    }


def pod(uid: str = UID) -> dict[str, Any]:
    """Return the pod of the head, which belongs to a RayCluster."""
    owner = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "name": "team", "uid": uid}
    return {"metadata": {"name": "team-head-abc", "ownerReferences": [owner]}}


def workload(name: str, owner_uid: str) -> dict[str, Any]:
    """Return what Kueue keeps of a cluster."""
    metadata = {"name": name, "uid": f"uid-of-{name}", "resourceVersion": "1"}
    return {
        "metadata": {**metadata, "ownerReferences": [{"kind": "RayCluster", "uid": owner_uid}]},
        "spec": {"active": True},
    }


@dataclass
class Stage:
    """All of the play.

    Parameters
    ----------
    head, api, clock
        Who plays.
    environment
        What the watcher is told.
    lines
        What it said.
    """

    head: Head
    api: Api
    clock: Clock
    environment: dict[str, str]
    lines: list[str] = field(default_factory=list)

    def watcher(self, **environment: str) -> Watcher:
        """Make a watcher of this cluster."""
        settings = WatcherSettings.from_environment({**self.environment, **environment})
        head = RayHead(settings.dashboard_url, settings.ray_token, timeout_s=60)
        return Watcher(head, OwnCluster(settings), settings, self.clock, self.lines.append)

    def run(self, watcher: Watcher, seconds: float) -> None:
        """Let a watcher tick for a while."""
        end_ms = self.clock.now_ms + round(seconds * 1000)
        while self.clock.now_ms < end_ms:
            self.clock.forward(watcher.tick())

    def queue(self) -> dict[str, Any]:
        """Put the cluster into a queue of Kueue, beside another, and return its Workload."""
        self.api.cluster["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] = "queue"
        self.api.objects[KUEUE] = {
            "preferredVersion": {"groupVersion": "kueue.x-k8s.io/v1beta2", "version": "v1beta2"}
        }
        mine, other = workload("raycluster-team-1", UID), workload("raycluster-other-2", "other")
        self.api.objects[WORKLOADS] = {"items": [other, mine]}
        for item in (mine, other):
            self.api.objects[f"{WORKLOADS}/{item['metadata']['name']}"] = item
        return mine


@contextmanager
def playing(certificate_dir: Path, account_dir: Path) -> Iterator[Stage]:
    """Open the stage."""
    head, api = Head(), Api({CLUSTER: ray_cluster(), POD: pod()})
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_dir / "ca.crt", certificate_dir / "key.pem")
    account_dir.mkdir()
    (account_dir / "token").write_text(f"{KUBE_TOKEN}\n")
    (account_dir / "namespace").write_text("space\n")
    (account_dir / "ca.crt").write_bytes((certificate_dir / "ca.crt").read_bytes())
    with _served(head) as head_port, _served(api, context) as api_port:
        head.url, api.port = f"http://127.0.0.1:{head_port}", api_port
        yield Stage(
            head,
            api,
            Clock(),
            {
                "KUBERNETES_SERVICE_HOST": "127.0.0.1",
                "KUBERNETES_SERVICE_PORT": str(api_port),
                "RAYSPACE_SERVICE_ACCOUNT_DIR": str(account_dir),
                "RAYSPACE_DASHBOARD_URL": head.url,
                "RAY_CLUSTER_NAME": "team",
                "HOSTNAME": "team-head-abc",
                "RAY_AUTH_TOKEN": RAY_TOKEN,
                # Nobody must ask it.
                "http_proxy": "http://127.0.0.1:9",
                "https_proxy": "http://127.0.0.1:9",
            },
        )


def make_certificate(directory: Path) -> None:
    """Make a certificate for 127.0.0.1 that vouches for itself."""
    words = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
             "-days", "2", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
             "-keyout", str(directory / "key.pem"), "-out", str(directory / "ca.crt"))  # fmt: skip
    subprocess.run(["openssl", *words], check=True, capture_output=True)


@contextmanager
def _served(player: Head | Api, context: ssl.SSLContext | None = None) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            path, _, query = self.path.partition("?")
            status, document = player.answer(self.command, path, query, self.headers, body)
            content = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = _handle  # noqa: N815  as the server looks for them

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
