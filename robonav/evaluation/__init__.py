"""Evaluation: explorers, metrics, runs and reports."""
