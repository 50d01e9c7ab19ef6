"""Two ranks train as one process does, and what they wrote goes on when one of them dies."""

import json
import multiprocessing
import socket
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from robonav.algorithms.ranks import Ranks, ranks_of_torchrun
from robonav.envs.sensors.camera import Camera
from robonav.envs.vec_env import NavigationVecEnv
from robonav.errors import UsageError
from robonav.launch.ranks import train_on_ranks
from robonav.training.config import TrainConfig
from robonav.training.run import TrainingRun
from tests.training.test_resume import TINY
from tests.worlds import Rooms

ROLLOUT = 128
CONFIG = replace(TINY, num_envs=4, episode_steps=32, checkpoint_every=ROLLOUT)


@dataclass
class Killed:
    """A run of two ranks, the last of which was killed after the second checkpoint."""

    out: Path
    error: str
    left: int


def kill_a_rank_when(path: Path) -> None:
    while not path.exists():
        time.sleep(0.02)
    max(multiprocessing.active_children(), key=lambda process: process.pid or 0).kill()


pytestmark = pytest.mark.timeout(900)  # each process imports torch, which takes long on a busy machine


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Killed:
    out = tmp_path_factory.mktemp("ranks") / "run"
    second = out / "checkpoints" / f"step_{2 * ROLLOUT:012d}"
    threading.Thread(target=kill_a_rank_when, args=(second,), daemon=True).start()
    with pytest.raises(UsageError) as error:
        train_on_ranks(2, replace(CONFIG, steps=1_000_000), out, resume=False)
    return Killed(out, str(error.value), len(multiprocessing.active_children()))


def trained(out: Path, steps: int, config: TrainConfig = CONFIG, resume: bool = False) -> Path:
    return TrainingRun(replace(config, steps=steps), out, resume).learn(progress_bar=False)


def assert_same_state(found: Path, expected: Path) -> None:
    for name in ("model.safetensors", "training.safetensors"):
        ours, theirs = load_file(found / name), load_file(expected / name)
        assert ours.keys() == theirs.keys()
        for key in theirs.keys() - {"shuffle_rng"}:  # each rank shuffles what it has
            # Gradients (Adam's moments) agree; dividing by their size, Adam enlarges how sums are rounded.
            atol = 1e-5 if name == "model.safetensors" else 1e-6
            torch.testing.assert_close(ours[key], theirs[key], rtol=1e-4, atol=atol, msg=f"{name}: {key}")


def test_two_ranks_learn_what_one_process_learns(killed: Killed, tmp_path: Path) -> None:
    last = trained(tmp_path, 2 * ROLLOUT)
    assert_same_state(killed.out / "checkpoints" / last.name, last)
    assert load_file(last / "training.safetensors")["num_timesteps"] == 2 * ROLLOUT
    lines = [(run / "metrics.jsonl").read_text().splitlines()[:2] for run in (killed.out, tmp_path)]
    two, one = ([json.loads(line) for line in of_run] for of_run in lines)
    for ours, theirs in zip(two, one, strict=True):
        speed = "time/steps_per_s"
        expected = {key: value for key, value in theirs.items() if key != speed}
        assert {key: ours[key] for key in expected} == pytest.approx(expected, rel=1e-3, abs=1e-5)


def test_a_rank_that_dies_ends_the_run_and_one_process_goes_on_from_the_checkpoint(killed: Killed) -> None:
    assert killed.left == 0
    assert "rank 1 was ended by the system (signal 9" in killed.error
    assert "--resume" in killed.error
    steps = int(max(path.name for path in (killed.out / "checkpoints").glob("step_*")).removeprefix("step_"))
    last = trained(killed.out, steps + ROLLOUT, resume=True)
    assert last.name == f"step_{steps + ROLLOUT:012d}"
    assert load_file(last / "training.safetensors")["episodes_started"].tolist() == [steps // ROLLOUT + 1] * 4


def test_what_cannot_be_dealt_out_is_refused_before_anything_starts(tmp_path: Path) -> None:
    for config, name in (
        (replace(CONFIG, num_envs=3), "num_envs is 3"),
        (replace(CONFIG, ppo=replace(CONFIG.ppo, sequences_per_batch=5)), "sequences_per_batch is 5"),
    ):
        with pytest.raises(UsageError, match=f"^{name}: 2 ranks need a multiple of 2$"):
            train_on_ranks(2, config, tmp_path / "run", resume=False)
    assert not (tmp_path / "run").exists()


def test_a_reward_that_learns_is_refused_where_every_rank_would_learn_its_own(tmp_path: Path) -> None:
    class FirstOfTwo(Ranks):
        size = 2

    with pytest.raises(
        UsageError, match="reward rnd learns, and every rank would learn its own: use --ranks 1"
    ):
        TrainingRun(replace(CONFIG, reward="rnd"), tmp_path / "run", ranks=FirstOfTwo())
    assert not (tmp_path / "run").exists()


def test_ranks_inside_of_torchrun_are_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    with pytest.raises(UsageError, match="leave --ranks out"):
        train_on_ranks(2, CONFIG, tmp_path, resume=False)


def test_what_torchrun_tells_makes_a_rank_and_nothing_told_makes_one_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert type(ranks_of_torchrun()) is Ranks
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    names = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")
    for name, value in zip(names, ("0", "1", "0", "1", "127.0.0.1", port), strict=True):
        monkeypatch.setenv(name, value)
    ranks = ranks_of_torchrun()
    try:
        assert (ranks.rank, ranks.size, ranks.is_first) == (0, 1, True)
        assert ranks.threads >= 1
        np.testing.assert_array_equal(
            ranks.gather(np.arange(6).reshape(2, 3), axis=1), [[0, 1, 2], [3, 4, 5]]
        )
        weight = torch.ones(3, requires_grad=True)
        (weight * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
        ranks.sum_gradients([weight, torch.ones(1)])
        assert weight.grad.tolist() == [1, 2, 3]
    finally:
        ranks.leave()


def test_environments_of_two_ranks_get_the_episodes_that_they_have_in_one_process() -> None:
    def starts(num_envs: int, first: int) -> np.ndarray:
        worlds = NavigationVecEnv(Rooms(), num_envs, Camera(width=8, height=8), seed=5, first_env=first)
        worlds.seed(7)  # as SB3 does before it resets
        worlds.reset()
        return worlds.frames.position

    np.testing.assert_array_equal(np.concatenate([starts(2, 0), starts(2, 2)]), starts(4, 0))
