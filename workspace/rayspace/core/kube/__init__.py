"""What Kubernetes says of a cluster and of its namespace."""
