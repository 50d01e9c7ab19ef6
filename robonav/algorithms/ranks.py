"""Data-parallel ranks: processes that share the environments of one run and learn as one process would."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, distributed

from robonav.errors import RankLostError, UsageError


def equal_part(count: int, ranks: int, name: str) -> int:
    """Return the number of `count` things that each rank gets.

    Raises:
        UsageError: They cannot be dealt out equally.
    """
    if count % ranks:
        raise UsageError(f"{name} is {count}: {ranks} ranks need a multiple of {ranks}")
    return count // ranks


class Ranks:
    """The only rank of its run: what it has is all there is.

    Attributes:
        rank: Which one this process is, from 0; the first one writes checkpoints and logs.
        size: How many there are.
        threads: CPU threads for each; 0 = the library's choice.
    """

    rank, size, threads = 0, 1, 0

    @property
    def is_first(self) -> bool:
        """Whether this is the one that writes."""
        return self.rank == 0

    def own(self, whole: Any) -> Any:
        """This rank's rows of an array (N, ...) over the environments of all ranks."""
        count = equal_part(len(whole), self.size, "the number of environments")
        return whole[self.rank * count : (self.rank + 1) * count]

    def gather(self, part: NDArray[Any], axis: int = 0) -> NDArray[Any]:
        """The arrays of all ranks, joined in the order of the ranks; all must be of one shape."""
        return part

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its sum over the ranks."""

    def wait(self) -> None:
        """Go on when all ranks have come here."""

    def leave(self) -> None:
        """The work is done."""


class DistributedRanks(Ranks):
    """One of several ranks, joined by torch.distributed: gloo for what is on the CPU, NCCL on CUDA.

    Args:
        rank: Which one this process is.
        size: How many there are.
        local_rank: Which one of this machine it is; the GPU that it uses.
        local_size: How many this machine has; they share its cores.
        meet: Where they find each other (`init_method` of torch.distributed).
    """

    def __init__(self, rank: int, size: int, local_rank: int, local_size: int, meet: str = "env://") -> None:
        self.rank, self.size = rank, size
        self.threads = max(1, _cores() // local_size)
        backend = "gloo"
        if torch.cuda.is_available():
            backend = "cpu:gloo,cuda:nccl"
            torch.cuda.set_device(local_rank % torch.cuda.device_count())
        with _losses():
            distributed.init_process_group(backend, init_method=meet, rank=rank, world_size=size)

    def gather(self, part: NDArray[Any], axis: int = 0) -> NDArray[Any]:
        """The arrays of all ranks, joined in the order of the ranks; all must be of one shape."""
        own = torch.from_numpy(np.ascontiguousarray(part))
        parts = [torch.empty_like(own) for _ in range(self.size)]
        with _losses():
            distributed.all_gather(parts, own)
        return np.concatenate([part.numpy() for part in parts], axis)

    def sum_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Replace each gradient by its sum over the ranks, all of them in one message."""
        gradients = [weight.grad for weight in parameters if weight.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        with _losses():
            distributed.all_reduce(flat)
        for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient))

    def wait(self) -> None:
        """Go on when all ranks have come here."""
        self.gather(np.zeros(1))

    def leave(self) -> None:
        """Close the connections."""
        distributed.destroy_process_group()


def ranks_of_torchrun() -> Ranks:
    """The ranks that `torchrun` started this process among; alone if it did not."""
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE")
    if any(name not in os.environ for name in names):
        return Ranks()
    rank, size, local_rank, local_size = (int(os.environ[name]) for name in names)
    return DistributedRanks(rank, size, local_rank, local_size)


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def _losses() -> Iterator[None]:
    """The backends tell a lost connection by a bare RuntimeError."""
    try:
        yield
    except RuntimeError as error:
        raise RankLostError(f"another rank is gone ({str(error).splitlines()[0]})") from error
