"""Keep what Kubernetes tells of a job's pods: it forgets an event after an hour.

The runner keeps it itself, since nobody may look until long after the cluster is gone.
"""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from rayspace.core.kube.events import event_lines
from rayspace.errors import NotFoundError, RayspaceError, RefusedError
from rayspace.gateways.pod_api import ACCOUNT_DIR, PodApi, pod_api_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rayspace.runner.log import RunnerLog
    from rayspace.runner.spool import Spool

#: Between two looks: well within the hour. [s]
_INTERVAL_S = 1200.0
#: A job must not wait for its history. [s]
_TIMEOUT_S = 3.0
#: As much of a pod's log as tells how it ended. [1]
_N_LINES = 2000


class Timeline:
    """Events and logs of the pods of one job.

    Parameters
    ----------
    environment
        The environment of the runner.
    job
        Name of the job.
    spool
        Takes the files.
    log
        Takes what people should know.
    """

    def __init__(
        self, environment: Mapping[str, str], job: str, spool: Spool, log: RunnerLog
    ) -> None:
        url = pod_api_url(environment)
        directory = Path(environment.get("RAYSPACE_SERVICE_ACCOUNT_DIR") or ACCOUNT_DIR)
        self._cluster = environment.get("RAY_CLUSTER_NAME", "")
        # A job with a cluster of its own named it; on another it is the cluster that tells.
        self._name = job if self._cluster.startswith(f"{job}-") else self._cluster
        self._is_possible = bool(url and self._cluster and (directory / "token").exists())
        self._api = PodApi(url, directory, _TIMEOUT_S)
        self._pod = environment.get("HOSTNAME", "")
        self._spool = spool
        self._log = log
        self._lines: set[str] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="timeline", daemon=True)

    def start(self) -> None:
        """Look now and then, until `close`."""
        if self._is_possible:
            self._thread.start()

    def close(self, *, has_failed: bool) -> None:
        """Look once more, and write what there is into the spool.

        Parameters
        ----------
        has_failed
            Whether the logs of other pods may tell why.
        """
        if not self._is_possible:
            return
        self._is_over.set()
        if self._thread.ident is not None:
            self._thread.join(2 * _TIMEOUT_S)
        try:
            self._look()
            if has_failed:
                self._keep_logs()
        except RefusedError:
            if not self._lines:
                self._log.line(
                    "rayspace: the events of the pods are not kept, since the pod's account may"
                    " not read them; templates/kubernetes/rbac.yaml has one that may."
                )
        except RayspaceError as exc:
            self._log.line(f"rayspace: not all events of the pods are kept: {exc.message}")
        if self._lines:
            self._spool.write_events("".join(sorted(self._lines)))

    def _follow(self) -> None:
        while True:
            # The last look says what went wrong.
            with contextlib.suppress(RayspaceError):
                self._look()
            if self._is_over.wait(_INTERVAL_S):
                return

    def _look(self) -> None:
        answer = self._api.ask("GET", f"/api/v1/namespaces/{self._api.namespace}/events")
        self._lines.update(event_lines(answer["items"], self._name))

    def _keep_logs(self) -> None:
        pods = f"/api/v1/namespaces/{self._api.namespace}/pods"
        query = urlencode({"labelSelector": f"ray.io/cluster={self._cluster}"})
        for pod in self._api.ask("GET", f"{pods}?{query}")["items"]:
            name = str(pod["metadata"]["name"])
            if name == self._pod:
                continue
            text = self._pod_log(f"{pods}/{name}/log", pod)
            if text:
                self._spool.write_pod_log(name, text)

    def _pod_log(self, path: str, pod: Mapping[str, Any]) -> str:
        """Return the log of a pod's first container, of the one before too if it began anew."""
        query = {"container": pod["spec"]["containers"][0]["name"], "tailLines": _N_LINES}
        texts = []
        for more in ({"previous": "true"}, {}):
            try:
                texts.append(self._api.text(f"{path}?{urlencode({**query, **more})}"))
            except NotFoundError:
                continue
            except RayspaceError as exc:
                # One that never began has none, nor is there one before the first.
                if exc.details.get("status") != 400:
                    raise
        return "".join(texts)
