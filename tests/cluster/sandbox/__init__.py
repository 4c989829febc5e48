"""What runs inside the namespaces of the test cluster."""
