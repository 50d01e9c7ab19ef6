"""Encoders of observation keys; each adds its term to a frame's token."""
