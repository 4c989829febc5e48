"""Each part of Kubernetes that the product leans on, so that a break is known for what it is."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import urllib.error
import urllib.request

import pytest

from tests.cluster.images import PAUSE


def pod(name: str, command: str, **container) -> str:
    """Return a pod of busybox that runs a command."""
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "labels": {"app": name}},
            "spec": {
                "terminationGracePeriodSeconds": 0,
                "containers": [
                    {
                        "name": "main",
                        "image": PAUSE,
                        "imagePullPolicy": "Never",
                        "command": ["/bin/sh", "-c", command],
                        "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}},
                        **container,
                    }
                ],
            },
        }
    )


@pytest.fixture
def web(namespace):
    """Run a web server with a service."""
    command = "echo hello > /tmp/index.html; exec httpd -f -p 8000 -h /tmp"
    probe = {"httpGet": {"path": "/", "port": 8000}, "periodSeconds": 1}
    namespace.kubectl(
        "apply", "-f", "-", user="admin", stdin=pod("web", command, readinessProbe=probe)
    )
    namespace.kubectl("expose", "pod", "web", "--port=8000", user="admin")
    namespace.kubectl("wait", "--for=condition=Ready", "pod/web", "--timeout=280s")
    return namespace


def test_names_and_services_are_found_from_pods(web):
    """DNS, and kube-proxy behind it."""
    fetch = f"wget -qO- http://web.{web.name}.svc.cluster.local:8000"
    command = f"until {fetch}; do sleep 1; done"
    document = json.loads(pod("client", command))
    document["spec"]["restartPolicy"] = "Never"
    web.kubectl("apply", "-f", "-", user="admin", stdin=json.dumps(document))
    web.kubectl("wait", "--for=jsonpath={.status.phase}=Succeeded", "pod/client", "--timeout=280s")
    assert web.kubectl("logs", "client") == "hello\n"


def test_a_port_is_forwarded(web):
    """Through the API server and the bridge, as a scientist."""
    command = web.cluster.command(
        "port-forward", "pod/web", ":8000", user="scientist", namespace=web.name
    )
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().split()[2]
        with urllib.request.urlopen(f"http://{address}", timeout=60) as response:
            assert response.read() == b"hello\n"
        process.terminate()


def test_the_api_server_passes_requests_on_to_services(web):
    """The way that needs nothing to keep alive."""
    path = f"/api/v1/namespaces/{web.name}/services/web:8000/proxy/"
    assert web.cluster.kubectl("get", "--raw", path, user="scientist") == "hello\n"


def test_commands_run_in_pods(web):
    """For whoever may: the product's Role does not ask for it."""
    words = ("exec", "web", "--", "cat", "/tmp/index.html")
    assert web.kubectl(*words, user="admin") == "hello\n"
    assert "forbidden" in web.try_kubectl(*words).stderr


def test_nothing_but_the_api_server_is_reachable_and_nothing_is_from_inside(web):
    """The sandbox has no way out, and no other way in."""
    address = web.read("pods", "web")["status"]["podIP"]
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"http://{address}:8000", timeout=3)
    with socket.socket() as server:
        server.bind(("", 0))
        server.listen()
        port = str(server.getsockname()[1])
        for host in (_address_of_this_machine(), "127.0.0.1", "10.77.0.254"):
            reach = ("exec", "web", "--", "nc", "-w", "3", host, port)
            assert web.try_kubectl(*reach, user="admin").returncode == 1
        server.settimeout(0.1)
        with pytest.raises(TimeoutError):
            server.accept()


def _address_of_this_machine() -> str:
    """Return the address from which this machine would reach another; nothing is sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return "127.0.0.1"  # It has no network at all.
        return str(probe.getsockname()[0])


def test_without_a_certificate_nobody_comes_in(cluster):
    """The bridge is open to every process of this machine; the API server is not."""
    context = ssl.create_default_context(cafile=str(cluster.layout.pki_dir / "ca.crt"))
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(f"{cluster.server}/api/v1/nodes", context=context, timeout=10)
    assert caught.value.code in {401, 403}


@pytest.mark.parametrize(
    ("user", "verb", "resource", "may"),
    [
        ("scientist", "create", "rayclusters.ray.io", True),
        ("scientist", "delete", "rayjobs.ray.io", True),
        ("scientist", "get", "secrets", True),
        ("scientist", "list", "secrets", False),
        ("scientist", "create", "pods", False),
        ("scientist", "create", "pods/exec", False),
        ("scientist", "patch", "roles.rbac.authorization.k8s.io", False),
        ("viewer", "list", "pods", True),
        ("viewer", "create", "rayclusters.ray.io", False),
        ("viewer", "get", "secrets", False),
        ("outsider", "list", "pods", False),
        ("outsider", "list", "rayclusters.ray.io", False),
    ],
)
def test_people_may_what_their_role_says(namespace, user, verb, resource, may):
    """In the namespace; elsewhere nobody but the administrator may anything."""
    asked = namespace.try_kubectl("auth", "can-i", verb, resource, user=user)
    assert asked.stdout.strip() == ("yes" if may else "no")
    elsewhere = ("auth", "can-i", verb, resource, "-n", "kube-system")
    assert namespace.cluster.try_kubectl(*elsewhere, user=user).stdout.strip() == "no"
