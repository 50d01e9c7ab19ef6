"""Errors that a person can mend; the command line prints them as one sentence, without a traceback."""

from __future__ import annotations


class UsageError(ValueError):
    """Raised for a request that cannot be met; the message names what was found, expected, and the remedy."""


class RankLostError(RuntimeError):
    """Another process of a data-parallel run is gone, so this one cannot go on."""
