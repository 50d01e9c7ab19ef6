"""Agents: policies, planners and baselines, by name or checkpoint."""
