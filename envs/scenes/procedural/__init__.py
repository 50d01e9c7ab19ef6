"""Furnished houses made from a seed."""
