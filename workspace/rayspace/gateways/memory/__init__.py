"""In-memory twins, held to the contracts by the same tests as the real things."""
