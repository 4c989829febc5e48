"""Where everything of a test cluster lies, and its addresses, which are the same in each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

#: Addresses inside the sandbox, which nobody outside sees.
API_IP = "10.77.0.1"
API_URL = f"https://{API_IP}:6443"
SERVICE_RANGE = "10.79.0.0/16"
POD_RANGE = "10.78.0.0/16"
DNS_IP = "10.79.0.10"


@dataclass(frozen=True)
class Layout:
    """The folders of one running test cluster.

    Parameters
    ----------
    run_dir
        Its folder.
    """

    run_dir: Path

    @property
    def log_dir(self) -> Path:
        """Logs of the processes of the control plane and of the first node."""
        return self.run_dir / "log"

    @property
    def pki_dir(self) -> Path:
        """Certificates and their keys."""
        return self.run_dir / "pki"

    @property
    def kubeconfig_dir(self) -> Path:
        """Kubeconfigs for processes inside."""
        return self.run_dir / "kubeconfig"

    @property
    def user_dir(self) -> Path:
        """Kubeconfigs for people outside."""
        return self.run_dir / "users"

    @property
    def api_socket(self) -> Path:
        """The API server, for the bridge."""
        return self.run_dir / "api.sock"

    @property
    def control_socket(self) -> Path:
        """Takes orders of tests."""
        return self.run_dir / "control.sock"

    @property
    def plan_path(self) -> Path:
        """What to start with, written before the sandbox."""
        return self.run_dir / "plan.json"

    @property
    def ready_path(self) -> Path:
        """Written when everything is ready: what each stage took."""
        return self.run_dir / "ready.json"

    @property
    def failure_path(self) -> Path:
        """Written when it can't be started: why."""
        return self.run_dir / "failure.json"

    @property
    def state_path(self) -> Path:
        """Who keeps it, and where it is reached."""
        return self.run_dir / "state.json"

    def node_dir(self, node: str) -> Path:
        """Private folders of a node."""
        return self.run_dir / node
