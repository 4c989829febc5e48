"""The head of a Ray cluster: the ways to it, what it answers, and its token."""
