"""A target on Kubernetes that is only played."""
