"""Processes of one run: the first that fails ends all, and whoever started them learns why."""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from robonav.errors import RankLostError, UsageError
from robonav.launch.ranks import RankError, run_processes
from tests import processes


def test_a_failure_ends_the_others_and_brings_its_traceback() -> None:
    with pytest.raises(
        RankError, match=r"(?s)^rank 1 failed:\n.*in fail\n.*ZeroDivisionError: the wheels came off"
    ):
        run_processes([processes.wait_for_ever, processes.fail])
    assert not multiprocessing.active_children()


def test_a_users_mistake_arrives_as_the_one_sentence_that_it_is() -> None:
    with pytest.raises(UsageError, match=r"^my_house.glb: not found$"):
        run_processes([processes.make_a_users_mistake, processes.wait_for_ever])


def test_who_only_lost_the_others_does_not_hide_the_cause() -> None:
    with pytest.raises(RankError, match="the wheels came off"):
        run_processes([processes.lose_the_others, processes.fail_after_the_others])
    with pytest.raises(RankLostError, match="closed by peer"):
        run_processes([processes.lose_the_others])


def test_a_process_that_the_system_ends_is_named_with_the_remedy() -> None:
    with pytest.raises(UsageError, match=r"rank 1 was ended by the system \(signal 9.*--resume"):
        run_processes([processes.wait_for_ever, processes.die])


def test_nobody_goes_on_when_who_started_them_is_killed(tmp_path: Path, repository: Path) -> None:
    program = f"from tests.processes import *; start_children_and_die({str(tmp_path)!r})"
    guarded = f"if __name__ == '__main__':\n    {program}"
    script = tmp_path.with_suffix(".py")
    script.write_text(guarded)
    environment = {**os.environ, "PYTHONPATH": str(repository)}
    assert subprocess.run([sys.executable, script], env=environment).returncode == -9
    left = [int(path.name) for path in tmp_path.iterdir()]
    assert len(left) == 2
    until = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in left):
        assert time.monotonic() < until, f"still there: {left}"
        time.sleep(0.1)
