"""Evaluation: runs, metrics, records and reports."""
