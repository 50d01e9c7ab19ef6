"""Intrinsic rewards: what makes an agent curious."""
