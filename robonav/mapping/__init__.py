"""Maps from frames, batched over agents, and the true surface to compare them with."""
