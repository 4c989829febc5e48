"""Why a Ray cluster on Kubernetes is not as wanted, from what Kubernetes says of it."""
