"""Threads and memory of a training process."""

from __future__ import annotations

import ctypes
import platform
import sys

import torch

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # of glibc's malloc.h


def set_threads(threads: int) -> None:
    """Use so many CPU threads in torch; 0 leaves torch's own choice."""
    if threads:
        torch.set_num_threads(threads)


def keep_freed_memory() -> None:
    """Let glibc reuse large buffers: giving them back costs a quarter of an update in page faults."""
    if sys.platform == "linux" and platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
        libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1)
