"""Kubernetes and KubeRay."""
