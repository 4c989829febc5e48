"""The control plane: certificates, etcd, API server, controllers and scheduler."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from tests.cluster.binaries import KUBERNETES_VERSION
from tests.cluster.sandbox.layout import API_IP, API_URL, POD_RANGE, SERVICE_RANGE, Layout
from tests.cluster.sandbox.supervisor import Supervisor, run, succeeds

if TYPE_CHECKING:
    from pathlib import Path

_ETCD = "http://127.0.0.1:2379"
#: There is more memory than processor time: garbage is collected less often.
_LAZY = {"GOGC": "400"}


class ControlPlane:
    """Starts the processes of a control plane.

    Parameters
    ----------
    layout
        Where everything lies.
    supervisor
        Takes its processes.
    """

    def __init__(self, layout: Layout, supervisor: Supervisor) -> None:
        self._layout = layout
        self._supervisor = supervisor
        self._pki = layout.pki_dir
        self._admin = layout.kubeconfig_dir / "super-admin.conf"

    def start_etcd(self) -> None:
        """Start the database; it forgets everything at its end, so it need not flush."""
        self._supervisor.start(
            "etcd",
            [
                "etcd",
                "--data-dir",
                str(self._layout.run_dir / "etcd"),
                "--unsafe-no-fsync",
                "--listen-client-urls",
                _ETCD,
                "--advertise-client-urls",
                _ETCD,
                "--listen-peer-urls",
                "http://127.0.0.1:2380",
            ],
            env=_LAZY,
        )

    def make_certificates(self) -> None:
        """Make an authority, and certificates and kubeconfigs of all parts."""
        config = self._kubeadm_config("node-a")
        run("kubeadm", "init", "phase", "certs", "all", "--config", str(config))
        kubeconfigs = str(self._layout.kubeconfig_dir)
        words = ["kubeadm", "init", "phase", "kubeconfig"]
        run(*words, "all", "--config", str(config), "--kubeconfig-dir", kubeconfigs)
        self.make_node_kubeconfig("node-a")

    def make_node_kubeconfig(self, node: str) -> None:
        """Make the kubeconfig of a node's kubelet."""
        folder = self._layout.kubeconfig_dir / node
        folder.mkdir(exist_ok=True)
        config = str(self._kubeadm_config(node))
        words = ["kubeadm", "init", "phase", "kubeconfig", "kubelet", "--node-name", node]
        run(*words, "--config", config, "--kubeconfig-dir", str(folder))

    def make_user(self, name: str, server: str) -> None:
        """Make the kubeconfig of a person outside, who has no rights until somebody gives them.

        Parameters
        ----------
        name
            Their name.
        server
            URL under which they reach the API server.
        """
        config = str(self._kubeadm_config("node-a"))
        text = run("kubeadm", "kubeconfig", "user", "--client-name", name, "--config", config)
        self._write_user(name, text, server)

    def make_admin(self, server: str) -> None:
        """Make the kubeconfig of the administrator outside."""
        self._write_user("admin", self._admin.read_text(), server)

    def start_api_server(self) -> None:
        """Start the API server and wait until it answers."""
        pki = self._pki
        flags = {
            "advertise-address": API_IP,
            "secure-port": "6443",
            "etcd-servers": _ETCD,
            "service-cluster-ip-range": SERVICE_RANGE,
            "authorization-mode": "Node,RBAC",
            "client-ca-file": pki / "ca.crt",
            "tls-cert-file": pki / "apiserver.crt",
            "tls-private-key-file": pki / "apiserver.key",
            "kubelet-client-certificate": pki / "apiserver-kubelet-client.crt",
            "kubelet-client-key": pki / "apiserver-kubelet-client.key",
            "kubelet-preferred-address-types": "InternalIP",
            "service-account-key-file": pki / "sa.pub",
            "service-account-signing-key-file": pki / "sa.key",
            "service-account-issuer": "https://kubernetes.default.svc",
            "requestheader-client-ca-file": pki / "front-proxy-ca.crt",
            "requestheader-allowed-names": "front-proxy-client",
            "requestheader-username-headers": "X-Remote-User",
            "requestheader-group-headers": "X-Remote-Group",
            "requestheader-extra-headers-prefix": "X-Remote-Extra-",
            "proxy-client-cert-file": pki / "front-proxy-client.crt",
            "proxy-client-key-file": pki / "front-proxy-client.key",
            "enable-bootstrap-token-auth": "true",
            "allow-privileged": "true",
            # Pods leave a lost node after 20 s instead of 300.
            "default-not-ready-toleration-seconds": "20",
            "default-unreachable-toleration-seconds": "20",
        }
        self._supervisor.start("kube-apiserver", _command("kube-apiserver", flags), env=_LAZY)
        self._supervisor.wait("the API server is ready", self.is_ready, 60)

    def is_ready(self) -> bool:
        """Whether the API server answers."""
        return succeeds("kubectl", "--kubeconfig", str(self._admin), "get", "--raw", "/readyz")

    def start_controllers(self) -> None:
        """Start the controllers and the scheduler."""
        pki = self._pki
        manager = self._layout.kubeconfig_dir / "controller-manager.conf"
        flags = {
            "kubeconfig": manager,
            "authentication-kubeconfig": manager,
            "authorization-kubeconfig": manager,
            "root-ca-file": pki / "ca.crt",
            "service-account-private-key-file": pki / "sa.key",
            "use-service-account-credentials": "true",
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
            "cluster-signing-cert-file": pki / "ca.crt",
            "cluster-signing-key-file": pki / "ca.key",
            "node-monitor-grace-period": "16s",
            "node-monitor-period": "2s",
        }
        self._supervisor.start(
            "kube-controller-manager", _command("kube-controller-manager", flags), env=_LAZY
        )
        scheduler = self._layout.kubeconfig_dir / "scheduler.conf"
        flags = {
            "kubeconfig": scheduler,
            "authentication-kubeconfig": scheduler,
            "authorization-kubeconfig": scheduler,
            "leader-elect": "false",
            "bind-address": "127.0.0.1",
        }
        self._supervisor.start("kube-scheduler", _command("kube-scheduler", flags))

    def start_bridge(self) -> None:
        """Offer the API server, and nothing else, to the outside."""
        self._layout.api_socket.unlink(missing_ok=True)
        inside = f"TCP:{API_IP}:6443,nodelay"
        listen = f"UNIX-LISTEN:{self._layout.api_socket},fork,reuseaddr,mode=600"
        self._supervisor.start("bridge", ["socat", listen, inside])

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        """Run kubectl as the administrator and return what it printed."""
        return run("kubectl", "--kubeconfig", str(self._admin), *words, stdin=stdin)

    def _kubeadm_config(self, node: str) -> Path:
        """Write what kubeadm reads: two documents, of which JSON is a way to write YAML."""
        config = self._layout.run_dir / f"kubeadm-{node}.yaml"
        version = "kubeadm.k8s.io/v1beta4"
        documents = [
            {
                "apiVersion": version,
                "kind": "InitConfiguration",
                "localAPIEndpoint": {"advertiseAddress": API_IP, "bindPort": 6443},
                "nodeRegistration": {"name": node},
            },
            {
                "apiVersion": version,
                "kind": "ClusterConfiguration",
                "kubernetesVersion": KUBERNETES_VERSION,
                "certificatesDir": str(self._pki),
                "controlPlaneEndpoint": f"{API_IP}:6443",
                "apiServer": {"certSANs": ["127.0.0.1", "localhost"]},
                "networking": {"serviceSubnet": SERVICE_RANGE, "podSubnet": POD_RANGE},
            },
        ]
        config.write_text("\n---\n".join(json.dumps(document) for document in documents))
        return config

    def _write_user(self, name: str, text: str, server: str) -> None:
        path = self._layout.user_dir / f"{name}.yaml"
        path.touch(mode=0o600)
        path.write_text(text.replace(API_URL, server))


def _command(program: str, flags: dict[str, object]) -> list[str]:
    return [program, *(f"--{name}={value}" for name, value in flags.items())]
