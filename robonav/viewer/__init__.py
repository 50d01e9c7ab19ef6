"""Looking at runs: live, replayed, and exported for the tools that others use."""
