"""The objects that KubeRay makes pods of."""
