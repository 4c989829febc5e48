"""A real tracking server that goes away while a job runs and while it ends."""

from __future__ import annotations

import contextlib
import selectors
import shutil
import socket
import threading

from rayspace.gateways.mlflow.runs import MlflowRunGateway
from rayspace.model.run import Artifact, RunStatus, Tag
from tests.runner.workshop import Workshop, notebook, runner_environment
from tests.waiting import wait_for, waits_for


class Wire:
    """A connection to a server that can be cut and mended."""

    def __init__(self, target_port: int) -> None:
        self._target = ("127.0.0.1", target_port)
        self._is_cut = threading.Event()
        self._open: set[socket.socket] = set()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = self._server.getsockname()[1]
        self.n_refused = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        self._is_cut.set()
        for end in list(self._open):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def mend(self) -> None:
        self._is_cut.clear()

    def _accept(self) -> None:
        while True:
            client, _ = self._server.accept()
            if self._is_cut.is_set():
                self.n_refused += 1
                client.close()
                continue
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client: socket.socket) -> None:
        with client, socket.create_connection(self._target) as server:
            server.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            ends = {client, server}
            self._open |= ends
            if self._is_cut.is_set():
                return
            with selectors.DefaultSelector() as selector, contextlib.suppress(OSError):
                selector.register(client, selectors.EVENT_READ, server)
                selector.register(server, selectors.EVENT_READ, client)
                while True:
                    for key, _ in selector.select():
                        content = key.fileobj.recv(65536)
                        if not content:
                            return
                        key.data.sendall(content)
            self._open -= ends


def test_a_job_outlives_its_tracking_server(server, tmp_path):
    wire = Wire(server)
    uri = f"http://127.0.0.1:{wire.port}"
    environment = runner_environment(tmp_path, uri)
    workshop = Workshop(tmp_path, MlflowRunGateway(uri, None), environment)
    workshop.runs.check()
    gate = tmp_path / "gate"
    record = workshop.submit(notebook(waits_for(gate), "1", "print('done', flush=True)"))
    process = workshop.start(record)
    wait_for(lambda: "cell 1" in workshop.live_log(), "the first cell runs")
    wire.cut()
    wait_for(lambda: "progress is not written for now" in workshop.live_log(), "a write fails")
    gate.touch()
    wait_for(lambda: "trying again" in workshop.live_log(), "the job has ended and can't store")
    refused = wire.n_refused
    wait_for(lambda: wire.n_refused > refused, "it tries again")
    wire.mend()
    result = workshop.finish(record, process)
    assert result.exit_code == 0
    assert result.run.status is RunStatus.FINISHED
    assert result.tag(Tag.PHASE) == "succeeded"
    assert set(result.files) >= {"results/train.ipynb", "results/train.html", Artifact.DRIVER_LOG}
    assert "done" in result.text("done")
    assert "progress is not written for now" in result.log
    assert "🏃" not in (tmp_path / "ray.log").read_text()
    assert result.spools == []
    shutil.rmtree(environment["TMPDIR"], ignore_errors=True)
