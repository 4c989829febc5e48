"""Use cases. They see outside systems through contracts only, and hold no state of their own."""
