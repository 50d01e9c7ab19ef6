"""Processes of a benchmark: they work, and none outlives the one that started them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.workers import worker_pool

ROOT = Path(__file__).parents[2]
STARTER = """
import time
from benchmarks.workers import worker_pool
if __name__ == "__main__":
    with worker_pool(1) as pool:
        pool.submit(print, "ready", flush=True)
        pool.submit(time.sleep, 600).result()
"""


def test_work_comes_back_from_another_process() -> None:
    with worker_pool(1) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_worker_ends_when_its_benchmark_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "starter.py"
    script.write_text(STARTER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, str(script)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == "ready\n"  # the worker is up, and about to sleep
        starter.kill()
        starter.wait()
        deadline = time.monotonic() + 60.0
        while _is_alive(starter.pid) and time.monotonic() < deadline:
            time.sleep(0.1)
        left_over = _is_alive(starter.pid)
        if left_over:
            os.killpg(starter.pid, signal.SIGKILL)
    assert not left_over


def _is_alive(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
