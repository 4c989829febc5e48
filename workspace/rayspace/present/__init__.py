"""Show values to people: text for terminals, HTML and widgets for notebooks."""
