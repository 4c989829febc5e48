"""What an administrator allows, and how Kubernetes itself is made to hold it."""
