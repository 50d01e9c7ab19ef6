"""Threads that share the work of a call."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TypeVar

Result = TypeVar("Result")


def run_together(calls: Iterable[Callable[[], Result]]) -> list[Result]:
    """Run all calls, the first in this thread, and return their results in order when all are done.

    For calls that release the interpreter lock, as Warp kernels and Embree do.
    """
    mine, *others = calls
    pending = [_workers().submit(call) for call in others]
    first = mine()
    return [first, *(done.result() for done in pending)]


@cache
def _workers() -> ThreadPoolExecutor:
    """One pool for all sensors."""
    return ThreadPoolExecutor(max_workers=max(1, (os.cpu_count() or 1) - 1), thread_name_prefix="sensors")
