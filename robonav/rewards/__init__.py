"""Intrinsic rewards."""
