"""Damages small files in thousands of ways and reads them; `python -m benchmarks.fuzz --help` says more."""
