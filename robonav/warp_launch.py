"""Runs Warp kernels on torch tensors, on whatever device they are."""

from __future__ import annotations

from typing import Any

import warp as wp
from torch import Tensor


def launch(kernel: wp.Kernel, dim: tuple[int, int], *given: Any) -> None:
    """Run a kernel on tensors, where they are, and Warp structs; vectors are a tensor's last dimension."""
    wp.init()  # nothing if it was before; what asks for devices of torch needs it
    device = next(value.device for value in given if isinstance(value, Tensor))
    stream = wp.stream_from_torch(device) if device.type == "cuda" else None
    arguments = [
        wp.from_torch(value, wanted.type.dtype, return_ctype=True) if isinstance(value, Tensor) else value
        for value, wanted in zip(given, kernel.adj.args, strict=True)
    ]
    wp.launch(kernel, dim, arguments, device=wp.device_from_torch(device), stream=stream)
