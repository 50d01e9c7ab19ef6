"""Learning algorithms in the manner of Stable-Baselines3."""
