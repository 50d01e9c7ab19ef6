"""Work of the processes that tests start: light imports only, since each process pays for them."""

from __future__ import annotations

import os
import signal
import time

from robonav.errors import RankLostError, UsageError


def wait_for_ever() -> None:
    time.sleep(600)


def fail() -> None:
    raise ZeroDivisionError("the wheels came off")


def make_a_users_mistake() -> None:
    raise UsageError("my_house.glb: not found")


def lose_the_others() -> None:
    raise RankLostError("connection closed by peer")


def fail_after_the_others() -> None:
    time.sleep(1.0)
    fail()


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def start_children_and_die(pids: str) -> None:
    """Like a run whose starting process is killed."""
    from functools import partial

    from robonav.launch.ranks import run_processes

    run_processes([partial(note_and_die, pids, 2), partial(note_and_die, pids, 2)])


def note_and_die(folder: str, count: int) -> None:
    """Leave a file with the own number; the last one kills the process that started all."""
    from pathlib import Path

    (Path(folder) / str(os.getpid())).touch()
    if len(list(Path(folder).iterdir())) == count:
        os.kill(os.getppid(), signal.SIGKILL)
    wait_for_ever()
