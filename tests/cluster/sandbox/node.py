"""One node: containerd, kubelet and kube-proxy, in mounts and control groups of its own.

The first node lives in the namespaces of the control plane; a second one gets network, mounts and
processes of its own and is this module's ``main``.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.cluster.sandbox import cgroups
from tests.cluster.sandbox.layout import DNS_IP, Layout
from tests.cluster.sandbox.supervisor import Supervisor, run, succeeds

#: Folders that a node would share with the machine.
_PRIVATE = (
    "/var/lib/kubelet",
    "/var/lib/containerd",
    "/run/containerd",
    "/etc/cni/net.d",
    "/var/lib/cni",
    "/opt/cni",
    "/var/log/pods",
    "/var/log/containers",
)
_SOCKET = "/run/containerd/containerd.sock"


@dataclass(frozen=True)
class NodePlan:
    """One node.

    Parameters
    ----------
    name
        Its name.
    ip
        Its address.
    pod_range
        Addresses of its pods.
    cgroup
        Its control group, without a leading slash.
    run_dir
        Folder of the cluster.
    images_dir
        State of a containerd that holds the images.
    pause_image
        What keeps the namespaces of a pod.
    link
        Its network link, when it has a network of its own; then with the gateway.
    gateway
        Address of the other end.
    """

    name: str
    ip: str
    pod_range: str
    cgroup: str
    run_dir: str
    images_dir: str
    pause_image: str
    link: str = ""
    gateway: str = ""


class Node:
    """Starts the processes of a node.

    Parameters
    ----------
    plan
        The node.
    supervisor
        Takes its processes.
    """

    def __init__(self, plan: NodePlan, supervisor: Supervisor) -> None:
        self._plan = plan
        self._supervisor = supervisor
        self._layout = Layout(Path(plan.run_dir))
        self._dir = self._layout.node_dir(plan.name)

    def prepare(self) -> None:
        """Make mounts and control groups, and bring the images."""
        cgroups.make(self._plan.cgroup)
        run("mount", "--make-rshared", "/")
        # Before the mounts: files are linked only within one.
        images = self._dir / "fs" / "var/lib/containerd"
        if not images.exists():
            images.mkdir(parents=True)
            copy_images(Path(self._plan.images_dir), images)
        for folder in _PRIVATE:
            own = self._dir / "fs" / folder.lstrip("/")
            own.mkdir(parents=True, exist_ok=True)
            Path(folder).mkdir(parents=True, exist_ok=True)
            run("mount", "--bind", str(own), folder)
            run("mount", "--make-rshared", folder)
        Path("/run/netns").mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", "/run/netns")
        run("mount", "--make-rshared", "/run/netns")
        Path("/etc/cni/net.d/10-pods.conflist").write_text(json.dumps(self._cni()))

    def start_containerd(self) -> None:
        """Start the container runtime."""
        config = self._dir / "containerd.toml"
        config.write_text(
            f"""
version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
[grpc]
  address = "{_SOCKET}"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{self._plan.pause_image}"
  # Without the capability to raise priorities no container would start.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "/etc/cni/net.d"
"""
        )
        self._supervisor.start("containerd", ["containerd", "-c", str(config)])

    def start_kubelet(self) -> None:
        """Start kubelet and kube-proxy; the API server must be there."""
        self._supervisor.wait(
            "containerd answers", lambda: succeeds("ctr", "-a", _SOCKET, "version"), 30
        )
        (self._dir / "resolv.conf").write_text(f"nameserver {DNS_IP}\n")
        kubelet, proxy = self._dir / "kubelet.json", self._dir / "proxy.json"
        kubelet.write_text(json.dumps(self._kubelet()))
        proxy.write_text(json.dumps(self._proxy()))
        self._supervisor.start(
            "kubelet",
            [
                "kubelet",
                f"--config={kubelet}",
                f"--kubeconfig={self._layout.kubeconfig_dir / self._plan.name / 'kubelet.conf'}",
                f"--hostname-override={self._plan.name}",
                f"--node-ip={self._plan.ip}",
            ],
        )
        self._supervisor.start("kube-proxy", ["kube-proxy", f"--config={proxy}"])

    def _cni(self) -> dict[str, object]:
        # Not a bridge: replies of services would skip their translation without br_netfilter.
        ptp = {
            "type": "ptp",
            "mtu": 1500,
            "ipMasq": False,
            "ipam": {
                "type": "host-local",
                "ranges": [[{"subnet": self._plan.pod_range}]],
                "routes": [{"dst": "0.0.0.0/0"}],
            },
        }
        portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
        return {"cniVersion": "1.0.0", "name": "pods", "plugins": [ptp, portmap]}

    def _kubelet(self) -> dict[str, object]:
        return {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "failCgroupV1": False,
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._plan.cgroup}",
            "containerRuntimeEndpoint": f"unix://{_SOCKET}",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": str(self._layout.pki_dir / "ca.crt")},
            },
            "authorization": {"mode": "Webhook"},
            "clusterDomain": "cluster.local",
            "clusterDNS": [DNS_IP],
            "resolvConf": str(self._dir / "resolv.conf"),
            "failSwapOn": False,
            "evictionHard": {
                "memory.available": "100Mi",
                "nodefs.available": "1%",
                "imagefs.available": "1%",
            },
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "makeIPTablesUtilChains": False,
            "serializeImagePulls": False,
            "enforceNodeAllocatable": [],
            # A lost node shows after 16 s instead of 50, see the controller manager.
            "nodeStatusUpdateFrequency": "4s",
        }

    def _proxy(self) -> dict[str, object]:
        return {
            "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
            "kind": "KubeProxyConfiguration",
            "mode": "nftables",
            "clientConnection": {
                "kubeconfig": str(self._layout.kubeconfig_dir / "super-admin.conf")
            },
            "clusterCIDR": "10.78.0.0/16",
            "hostnameOverride": self._plan.name,
            "conntrack": {
                "maxPerCore": 0,
                "min": 0,
                "tcpEstablishedTimeout": "0s",
                "tcpCloseWaitTimeout": "0s",
            },
        }


def copy_images(source: Path, target: Path) -> None:
    """Bring the images without copying them: files are linked, databases copied.

    Nobody writes to layers and blobs: what a container changes goes to a layer of its own.
    """
    run("cp", "--archive", "--link", "--force", f"{source}/.", str(target))
    for database in source.rglob("*.db"):
        copy = target / database.relative_to(source)
        copy.unlink()
        shutil.copy2(database, copy)


def main() -> None:
    """Run a node of its own until killed; called in its namespaces with its plan in JSON."""
    plan = NodePlan(**json.loads(sys.argv[1]))
    log_dir = Layout(Path(plan.run_dir)).node_dir(plan.name) / "log"
    log_dir.mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(log_dir)
    node = Node(plan, supervisor)
    supervisor.wait("the link is there", lambda: succeeds("ip", "link", "show", plan.link), 30)
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{plan.ip}/30", "dev", plan.link)
    run("ip", "link", "set", plan.link, "up")
    run("ip", "route", "add", "default", "via", plan.gateway)
    run("sysctl", "-qw", "net.ipv4.ip_forward=1")
    node.prepare()
    node.start_containerd()
    node.start_kubelet()
    while True:
        signal.pause()


def plan_text(plan: NodePlan) -> str:
    """Write a plan for `main`."""
    return json.dumps(dataclasses.asdict(plan))


if __name__ == "__main__":
    main()
