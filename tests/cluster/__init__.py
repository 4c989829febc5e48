"""A real Kubernetes with KubeRay on this machine, for tests.

``python -m tests.cluster up`` builds what is missing and starts it; pytest does the same when a
test asks for it. Everything is real but the machines: API server, scheduler, controllers, kubelet,
containerd, kube-proxy, DNS, RBAC and the KubeRay operator, in namespaces of their own, from which
nothing is reachable but the API server.

Where what is: ``front`` starts, finds and ends clusters; ``keeper`` is the process outside that
leaves nothing of one; ``sandbox`` runs inside; ``binaries``, ``images`` and ``store`` build and
keep the parts; ``client`` is what tests use, with trouble on demand.

What differs from a cluster of a company: one kernel; nothing is pulled, all images are there; a
lost node shows after 16 s instead of 50, and its pods go after 20 s instead of 300; GPUs are only
said to be there; containers can't be given a higher priority against being killed.
"""
