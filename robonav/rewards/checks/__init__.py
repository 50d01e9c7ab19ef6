"""Proof that a reward is right: that it reaches the gradient, counts, sees through noise, and its cost."""
