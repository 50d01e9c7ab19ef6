"""Starts the ranks of a data-parallel run on this machine, and ends all of them with the first that fails."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
import traceback
import warnings
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from multiprocessing import connection, get_context, parent_process
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from robonav.errors import RankLostError, UsageError
from robonav.launch.viewing import open_viewer

if TYPE_CHECKING:
    from robonav.algorithms.ranks import Ranks
    from robonav.training.config import TrainConfig


class RankError(RuntimeError):
    """A rank failed; the message is its traceback."""


def train_on_ranks(size: int, config: TrainConfig, out: Path, resume: bool, view: bool = False) -> None:
    """Train one run in `size` processes; `view` shows the first of them in a browser.

    Raises:
        UsageError: The configuration cannot be trained, or the system ended a rank.
        RankError: A rank failed.
    """
    from robonav.algorithms.ranks import equal_part

    if "LOCAL_WORLD_SIZE" in os.environ:
        raise UsageError("torchrun has started this command's ranks already: leave --ranks out")
    for name, count in (
        ("num_envs", config.num_envs),
        ("sequences_per_batch", config.ppo.sequences_per_batch),
    ):
        equal_part(count, size, name)  # told now, instead of after they all have started
    run_ranks(size, partial(train, config, out, resume, view))


def train(config: TrainConfig, out: Path, resume: bool, view: bool, ranks: Ranks) -> None:
    """Train as one of the ranks."""
    from robonav.disk import only_writer
    from robonav.training.run import TrainingRun
    from robonav.training.sb3_run import SB3Run

    viewer = open_viewer(view and ranks.is_first)
    with only_writer(out) if ranks.is_first else nullcontext():
        if config.algorithm == "sequence-ppo":
            TrainingRun(config, out, resume, ranks).learn(viewer=viewer)
        elif ranks.size > 1:
            raise UsageError(f"{config.algorithm} learns in one process: leave --ranks out")
        else:
            SB3Run(config, out, resume).learn(viewer=viewer)


def run_ranks(size: int, work: Callable[[Ranks], None]) -> None:
    """Do one work as `size` ranks on this machine.

    Raises:
        UsageError: As one of them raised it, or: the system ended one.
        RankError: One of them raised anything else.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        meet = (Path(folder) / "store").as_uri()
        run_processes([partial(_join, rank, size, meet, work) for rank in range(size)])


def run_processes(works: Sequence[Callable[[], None]]) -> None:
    """Do each work in a process of its own; the first that fails ends the others.

    Raises:
        UsageError: As one of them raised it, or: one ended without a word.
        RankError: One of them raised anything else.
    """
    context = get_context("spawn")  # threads of libraries do not outlive a fork
    reports: dict[Connection, tuple[int, BaseProcess]] = {}
    try:
        for rank, work in enumerate(works):
            report, sender = context.Pipe(duplex=False)
            process: BaseProcess = context.Process(target=_work, args=(work, sender), daemon=True)
            process.start()
            sender.close()
            reports[report] = (rank, process)
        _wait_for_all(reports)
    finally:
        for _, process in reports.values():
            process.terminate()
            process.join()


def _wait_for_all(reports: dict[Connection, tuple[int, BaseProcess]]) -> None:
    waiting, lost = dict(reports), None
    while waiting:
        for report in connection.wait(list(waiting)):
            assert isinstance(report, Connection)
            error = _outcome(report, *waiting.pop(report))
            if isinstance(error, RankLostError):  # the one that it lost will tell why
                lost = error
            elif error:
                raise error
    if lost:
        raise lost


def _outcome(report: Connection, rank: int, process: BaseProcess) -> Exception | None:
    try:
        outcome: Exception | None = report.recv()
    except EOFError:
        process.join()
        how = process.exitcode or 0
        return UsageError(
            f"rank {rank} was ended by the system ({f'signal {-how}' if how < 0 else f'exit code {how}'}; "
            "often for want of memory): continue from the last checkpoint with --resume"
        )
    return RankError(f"rank {rank} failed:\n{outcome}") if isinstance(outcome, RankError) else outcome


def _join(rank: int, size: int, meet: str, work: Callable[[Ranks], None]) -> None:
    from robonav.algorithms.ranks import DistributedRanks
    from robonav.envs.scenes.scene import SceneError
    from robonav.launch.start import prepare

    prepare()
    if rank:
        warnings.simplefilter("ignore")  # the first rank says it
    if sys.platform == "linux":
        os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")  # nobody outside of this machine is asked to join
    ranks = DistributedRanks(rank, size, rank, size, meet)
    try:
        work(ranks)
    except SceneError as error:  # a mistake of the user's, too, but `_work` does not load the worlds to know
        raise UsageError(str(error)) from error
    ranks.leave()


def _work(work: Callable[[], None], report: Connection) -> None:
    """Run a process: do the work, then report how it ended."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for who started the processes, and ends them
    Thread(target=_leave_with_parent, daemon=True).start()
    try:
        work()
    except Exception as error:
        report.send(_told(error))
    else:
        report.send(None)


def _told(error: Exception) -> Exception:
    """Error to report: the user's mistakes and lost ranks as they are, any other by its traceback."""
    if isinstance(error, UsageError | OSError | RankLostError):
        return error
    return RankError("".join(traceback.format_exception(error)))


def _leave_with_parent() -> None:
    """Nobody goes on when who started the processes was killed."""
    parent = parent_process()
    assert parent
    connection.wait([parent.sentinel])
    os._exit(1)
