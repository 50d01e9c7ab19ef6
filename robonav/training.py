"""A training run: worlds, reward, policy and algorithm put together, saved and resumed."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import platform
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList, ProgressBarCallback
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.vec_env import VecMonitor, VecNormalize

from robonav import checkpoint
from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.checkpoint import CheckpointError, load_eye
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors import SensorName
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import SENSORS
from robonav.envs.tasks import TaskName, task_maker
from robonav.envs.vec_env import NavigationVecEnv
from robonav.errors import UsageError
from robonav.fine_tuning import starting_policy, take_over
from robonav.policies.config import SequencePolicyConfig
from robonav.rewards.curiosity import SURPRISES, ReconstructionCuriosity
from robonav.rewards.intrinsic import IntrinsicReward, IntrinsicRewardWrapper, NoIntrinsicReward

_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # of glibc's malloc.h


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run."""

    scenes: str = "procedural"
    """Worlds to train in: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    steps: int = 262_144
    """Environment steps in all, a resumed run's earlier ones included."""
    num_envs: int = 32
    """Agents that walk at the same time, each in a world of its own."""
    episode_steps: int = 256
    """Steps per training episode; a rollout is one episode of every agent. Evaluation may go on longer."""
    seed: int = 0
    """Decides weights, worlds, starts and actions."""
    device: str = "auto"
    """Where the policy lives: auto, cpu, cuda."""
    threads: int = 0
    """CPU threads; 0 = all cores."""
    checkpoint_every: int = 65_536
    """Steps between checkpoints."""
    task: TaskName | None = None
    """What agents are paid for beside surprises: apples, image-goal; None = exploring alone."""
    apples: int = 5
    """Apples in an episode of the task `apples`."""
    surprise_weight: float = 1.0
    """What surprise counts beside the reward of the task; 0 = nothing, and no map is kept for it."""
    init: str | None = None
    """Whose weights to start from, its eye included: `explorer` or a checkpoint; None = from scratch."""
    reward: Literal["geometric", "rgb"] = "geometric"
    """What surprises: unmapped surface, or ReCuriosity's low-passed RGB error."""
    memory_frames: int | None = None
    """The reward's map forgets after so many frames; None = never."""
    voxel_size: float = 0.10
    """Edge of the map's voxels in metres."""
    reach_m: float = 4.0
    """Depth in metres up to which surfaces count for the reward."""
    sensor: SensorName | None = None
    """What agents see through: raycast, habitat (needs habitat-sim); None = the faster of ours."""
    vision: str = "nano"
    """The frozen eye: one that ships with robonav, or a folder of `robonav vision`."""
    camera: Camera = field(default_factory=Camera)
    policy: SequencePolicyConfig = field(default_factory=SequencePolicyConfig)
    ppo: SequencePPOConfig = field(default_factory=SequencePPOConfig)

    def __post_init__(self) -> None:
        """Refuse what cannot be trained, before anything is written."""
        for name in ("steps", "num_envs", "episode_steps"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")
        if not 1 <= self.apples <= 254:
            raise UsageError(f"apples is {self.apples}: give 1 to 254")
        if self.surprise_weight < 0 or (self.task is None and self.surprise_weight == 0):
            raise UsageError(
                f"surprise_weight is {self.surprise_weight} and task is {self.task}: nothing would be "
                "learned, so give a weight above 0, or a task"
            )
        if self.device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"device is {self.device!r}: choose auto, cpu or cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise UsageError(
                "device is cuda, but torch finds no GPU: use --device cpu, or ask `robonav doctor`"
            )


class JsonLines(KVWriter):
    """Appends every log record as one JSON line, so that a resumed run continues the file."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a")

    def write(self, key_values: dict[str, Any], key_excluded: Any, step: int = 0) -> None:
        """Write one record with the step it belongs to."""
        numbers = {key: value for key, value in key_values.items() if isinstance(value, int | float)}
        self._file.write(json.dumps({"step": step, **numbers}) + "\n")
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


class CheckpointCallback(BaseCallback):
    """Saves the run when a rollout begins, after the update on the one before, and at the end."""

    def __init__(self, run: TrainingRun, every: int) -> None:
        super().__init__()
        self._run, self._every = run, every
        self._saved = run.algorithm.num_timesteps

    def _on_rollout_start(self) -> None:
        if self.num_timesteps // self._every > self._saved // self._every:
            self._save()

    def _on_step(self) -> bool:
        return True

    def _on_training_end(self) -> None:
        if self.model.num_timesteps > self._saved:
            self._save()

    def _save(self) -> None:
        self._run.save()
        self._saved = self.model.num_timesteps


class TrainingRun:
    """A run folder with `config.json`, `metrics.jsonl`, TensorBoard files and `checkpoints/`.

    Raises:
        UsageError: The folder already holds a run and `resume` is False, or the other way round.
    """

    def __init__(self, config: TrainConfig, out: Path, resume: bool = False) -> None:
        self.config, self.out = config, out
        started = (out / "config.json").exists()
        if started and not resume:
            raise UsageError(
                f"{out}: already holds a run; add --resume to continue it, or choose another --out"
            )
        set_threads(config.threads)
        keep_freed_memory()
        self.worlds = NavigationVecEnv(
            open_scenes(config.scenes, "train"),
            config.num_envs,
            config.camera,
            config.episode_steps,
            config.seed,
            config.threads,
            SENSORS[config.sensor],
            task_maker(config.task, config.apples),
        )
        self._load_first_scene()
        surprise = surprise_of(config)
        monitored = VecMonitor(IntrinsicRewardWrapper(self.worlds, surprise, config.surprise_weight))
        self.normaliser = VecNormalize(monitored, norm_obs=False, gamma=config.ppo.gamma)
        ppo = dataclasses.replace(config.ppo, rollout_steps=config.episode_steps)
        start = starting_policy(config.init)
        eye = start.encoder.eye if start else load_eye(config.vision)
        self.algorithm = SequencePPO(self.normaliser, ppo, config.policy, config.seed, config.device, eye=eye)
        if start:
            take_over(self.algorithm.policy, start, str(config.init))
        if any((out / "checkpoints").glob("step_*")):  # a run that was killed before its first starts again
            self._restore(checkpoint.find_checkpoint(out))
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "config.json", json.dumps(dataclasses.asdict(self.config), indent=1))

    def _load_first_scene(self) -> None:
        """So that scenes or a sensor that cannot be used are told before anything is written."""
        self.worlds.simulator.load(self.worlds.simulator.scenes.scene_ids[0])

    def learn(self, progress_bar: bool = True) -> Path:
        """Train up to `config.steps` and return the last checkpoint."""
        remaining = self.config.steps - self.algorithm.num_timesteps
        if remaining > 0:
            writers = [
                JsonLines(self.out / "metrics.jsonl"),
                TensorBoardOutputFormat(str(self.out / "tensorboard")),
            ]
            self.algorithm.set_logger(Logger(str(self.out), writers))
            callbacks: list[BaseCallback] = [CheckpointCallback(self, self.config.checkpoint_every)]
            callbacks += [ProgressBarCallback()] if progress_bar else []
            self.algorithm.learn(remaining, CallbackList(callbacks), reset_num_timesteps=False)
            self.algorithm.logger.close()
        return checkpoint.find_checkpoint(self.out)

    def save(self) -> Path:
        """Write a checkpoint of the present state."""
        steps = self.algorithm.num_timesteps
        folder = self.out / "checkpoints" / f"step_{steps:012d}"
        facts = {"environment steps": steps, "seed": self.config.seed, "preset reward": self.config.reward}
        run = dataclasses.asdict(self.config)
        return checkpoint.save_checkpoint(folder, self.algorithm.policy, self._training_tensors(), run, facts)

    def _training_tensors(self) -> dict[str, torch.Tensor]:
        statistics = self.normaliser.ret_rms
        counters = {
            "num_timesteps": self.algorithm.num_timesteps,
            "episodes_started": self.worlds.state()["episodes_started"],
            "return_mean": statistics.mean,
            "return_var": statistics.var,
            "return_count": statistics.count,
        }
        return {
            **checkpoint.optimizer_tensors(self.algorithm.optimizer),
            # By way of numpy, which keeps a Python float's 64 bits; torch would round the count to 32.
            **{name: torch.as_tensor(np.asarray(value)) for name, value in counters.items()},
            "torch_rng": torch.get_rng_state(),
            "shuffle_rng": self.algorithm.shuffle.get_state(),
        }

    def _restore(self, folder: Path) -> None:
        saved = checkpoint.read_config(folder)
        if saved["policy"] != json.loads(json.dumps(dataclasses.asdict(self.algorithm.policy_config))):
            raise UsageError(
                f"{folder}: holds a policy of another size; resume with the preset it was trained with"
            )
        self.config = dataclasses.replace(self.config, init=saved["run"].get("init"))  # where it began
        policy = checkpoint.load_policy(folder)[0]
        self.algorithm.policy.load_state_dict(policy.state_dict())
        tensors = checkpoint.read_tensors(folder / "training.safetensors")
        try:
            checkpoint.load_optimizer(self.algorithm.optimizer, tensors)
            self.algorithm.num_timesteps = int(tensors["num_timesteps"])
            self.worlds.restore({"episodes_started": tensors["episodes_started"].numpy()})
            statistics = self.normaliser.ret_rms
            statistics.mean, statistics.var = tensors["return_mean"].numpy(), tensors["return_var"].numpy()
            statistics.count = float(tensors["return_count"])
            torch.set_rng_state(tensors["torch_rng"])
            self.algorithm.shuffle.set_state(tensors["shuffle_rng"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{folder}/training.safetensors: cannot be resumed from ({error})"
            ) from error


def surprise_of(config: TrainConfig) -> IntrinsicReward:
    """What pays agents for what their map does not know yet."""
    if not config.surprise_weight:
        return NoIntrinsicReward()
    return ReconstructionCuriosity(
        config.num_envs,
        config.camera,
        SURPRISES[config.reward],
        config.voxel_size,
        config.reach_m,
        config.memory_frames,
        threads=torch.get_num_threads(),
    )


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


def write_text(path: Path, text: str) -> None:
    """Replace a small file atomically."""
    temporary = path.with_suffix(".tmp")
    temporary.write_text(text)
    temporary.replace(path)
