"""Rewards for what a language model calls helpful, after ONI (Zheng et al. 2024, arXiv 2410.23022)."""
