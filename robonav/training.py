"""A training run: worlds, reward, policy and algorithm put together, saved and resumed."""

from __future__ import annotations

import ctypes
import dataclasses
import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.vec_env import VecMonitor

from robonav import checkpoint
from robonav.algorithms.ranks import Ranks, equal_part
from robonav.algorithms.reward_scale import RunningRewardScale
from robonav.algorithms.sequence_ppo import SequencePPO, SequencePPOConfig
from robonav.checkpoint import CheckpointError, load_eye, load_finder
from robonav.envs.odometry import MAX_DRIFT
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors import SensorName
from robonav.envs.sensors.camera import Camera
from robonav.envs.sensors.views import SENSORS
from robonav.envs.tasks import TaskName, task_maker
from robonav.envs.vec_env import NavigationVecEnv
from robonav.errors import UsageError
from robonav.fine_tuning import starting_policy, take_over
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.goal_finder import GoalFinder
from robonav.policies.goal_search import GoalSearch
from robonav.policies.sequence import SequencePolicy
from robonav.policies.vision import VisionEncoder
from robonav.rewards.coverage import SurfaceCoverage
from robonav.rewards.curiosity import SURPRISES, ReconstructionCuriosity
from robonav.rewards.distillation import RandomNetworkDistillation
from robonav.rewards.intrinsic import IntrinsicReward, IntrinsicRewardWrapper
from robonav.rewards.inverse_dynamics import IntrinsicCuriosityModule
from robonav.rewards.sub_goal import SubGoalConfig, SubGoalReward
from robonav.rewards.weighted_sum import WeightedSum
from robonav.training_log import CheckpointCallback, JsonLines, Progress
from robonav.viewer.callback import ViewerCallback
from robonav.viewer.watching import NullViewer, Viewer

_LEARNING_REWARDS = ("icm", "rnd")
_REWARD = "reward."  # prefix of what the reward has learned, in training.safetensors
_M_MMAP_THRESHOLD, _M_TRIM_THRESHOLD = -3, -1  # of glibc's malloc.h


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a training run."""

    scenes: str = "procedural"
    """Worlds to train in: `procedural`, a mesh, a floor plan (map.yaml), a scan, or a folder of them."""
    steps: int = 131_072
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
    """CPU threads, of each rank where there are several; 0 = all cores, shared equally."""
    checkpoint_every: int = 65_536
    """Steps between checkpoints."""
    task: TaskName | None = None
    """What agents are paid for beside surprises: apples, image-goal, sparse-goal; None = exploring alone."""
    apples: int = 5
    """Apples in an episode of the task `apples`."""
    obstacles: int = 0
    """How many appear on the way in the task `sparse-goal`."""
    drift: float = 0.0
    """Error of the odometry in the task `sparse-goal`, as a share of the way."""
    init: str | None = None
    """Whose weights to start from, its eye included: `explorer` or a checkpoint; None = from scratch."""
    reward: Literal["geometric", "rgb", "icm", "rnd", "coverage"] = "geometric"
    """What pays: unmapped surface, ReCuriosity's low-passed RGB error, what an intrinsic curiosity module or
    a random network's pupil did not foretell, or the true surface that is seen for the first time."""
    memory_frames: int | None = None
    """The reward's map forgets after so many frames; None = never."""
    voxel_size: float = 0.10
    """Edge of the map's voxels in metres."""
    reach_m: float = 4.0
    """Depth in metres up to which surfaces count for the reward."""
    surprise_weight: float = 1.0
    """Share of the surprise in the reward; 0 = none, and no reconstruction is made."""
    sub_goal_weight: float = 0.0
    """Share of the reward for getting to the sub-goals of a topological map; 0 = none, and no map is made."""
    sub_goal: SubGoalConfig = field(default_factory=SubGoalConfig)
    motion_noise: float = 0.0
    """How inexact steps are, and so the policy's own map: 1 = as the simulated TurtleBot's, 0 = exact."""
    sensor: SensorName | None = None
    """What agents see through: raycast, habitat (needs habitat-sim); None = the faster of ours."""
    vision: str = "nano"
    """The frozen eye: one that ships with robonav, or a folder of `robonav vision`."""
    finder: str | None = None
    """What finds goal images for the planner: one that ships with robonav (`nano`) or a folder of `robonav
    finder`; None = images are context and no more."""
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
        self._check_far_goals()
        if min(self.surprise_weight, self.sub_goal_weight) < 0 or not (self.rewards() or self.task):
            raise UsageError(
                f"surprise_weight is {self.surprise_weight} and sub_goal_weight {self.sub_goal_weight}: "
                "give weights of 0 or more, not both 0 where there is no task"
            )
        if not 0 <= self.motion_noise <= 100:
            raise UsageError(f"motion_noise is {self.motion_noise}: give 0 (exact) to 100, 1 = a robot's")
        if self.device not in ("auto", "cpu", "cuda"):
            raise UsageError(f"device is {self.device!r}: choose auto, cpu or cuda")
        if self.device == "cuda" and not torch.cuda.is_available():
            raise UsageError(
                "device is cuda, but torch finds no GPU: use --device cpu, or ask `robonav doctor`"
            )

    def _check_far_goals(self) -> None:
        if not (0 <= self.obstacles <= 254 and 0 <= self.drift <= MAX_DRIFT):
            raise UsageError(
                f"obstacles is {self.obstacles} and drift {self.drift}: give 0 to 254 and 0 to {MAX_DRIFT}"
            )

    def rewards(self) -> dict[str, float]:
        """Weights of the rewards that count, by name."""
        weights = {self.reward: self.surprise_weight, "sub-goals": self.sub_goal_weight}
        return {name: weight for name, weight in weights.items() if weight}


class TrainingRun:
    """A run folder with `config.json`, `metrics.jsonl`, TensorBoard files and `checkpoints/`.

    Several ranks share the environments of one run; every one of them makes a `TrainingRun` and does with it
    what the others do, and the first of them writes.

    Raises:
        UsageError: The folder already holds a run and `resume` is False, or the other way round.
    """

    def __init__(
        self, config: TrainConfig, out: Path, resume: bool = False, ranks: Ranks | None = None
    ) -> None:
        self.config, self.out, self.ranks = config, out, ranks or Ranks()
        started = (out / "config.json").exists()
        if started and not resume:
            raise UsageError(
                f"{out}: already holds a run; add --resume to continue it, or choose another --out"
            )
        if config.reward in _LEARNING_REWARDS and self.ranks.size > 1:
            raise UsageError(
                f"reward {config.reward} learns, and every rank would learn its own: use --ranks 1"
            )
        num_envs = equal_part(config.num_envs, self.ranks.size, "num_envs")
        threads = config.threads or self.ranks.threads
        set_threads(threads)
        keep_freed_memory()
        self.worlds = NavigationVecEnv(
            open_scenes(config.scenes, "train"),
            num_envs,
            config.camera,
            config.episode_steps,
            config.seed,
            threads,
            SENSORS[config.sensor],
            first_env=self.ranks.rank * num_envs,
            task=task_maker(config.task, config.apples, config.obstacles, config.drift),
            motion_noise=config.motion_noise,
        )
        self._load_first_scene()
        start = starting_policy(config.init)
        eye = start.encoder.eye if start else load_eye(config.vision)
        self.reward = make_reward(config, self.worlds, eye)
        self.rewarded = VecMonitor(IntrinsicRewardWrapper(self.worlds, self.reward))
        self.reward_scale = RunningRewardScale(num_envs, config.ppo.gamma, self.ranks)
        ppo = dataclasses.replace(config.ppo, rollout_steps=config.episode_steps)
        self.algorithm = SequencePPO(
            self.rewarded,
            ppo,
            config.policy,
            config.seed,
            config.device,
            eye=eye,
            ranks=self.ranks,
            reward_scale=self.reward_scale,
            finder=_finder(config, start, eye),
        )
        if start:
            take_over(self.algorithm.policy, start, str(config.init))
        if any((out / "checkpoints").glob("step_*")):  # a run that was killed before its first starts again
            self._restore(checkpoint.find_checkpoint(out))
        self.ranks.wait()  # every rank has seen the folder as it was
        if self.ranks.is_first:
            out.mkdir(parents=True, exist_ok=True)
            write_text(out / "config.json", json.dumps(dataclasses.asdict(self.config), indent=1))

    def _load_first_scene(self) -> None:
        """So that scenes or a sensor that cannot be used are told before anything is written."""
        self.worlds.simulator.load(self.worlds.simulator.scenes.scene_ids[0])

    def learn(self, progress_bar: bool = True, viewer: Viewer | None = None) -> Path:
        """Train up to `config.steps` and return the last checkpoint; `viewer` watches the first agent."""
        remaining = self.config.steps - self.algorithm.num_timesteps
        if remaining > 0:
            self.algorithm.set_logger(Logger(str(self.out), self._writers()))
            callbacks: list[BaseCallback] = [CheckpointCallback(self, self.config.checkpoint_every)]
            callbacks += [Progress(self.ranks)] if progress_bar and self.ranks.is_first else []
            callbacks.append(ViewerCallback(viewer or NullViewer(), self.worlds))
            self.algorithm.learn(remaining, CallbackList(callbacks), reset_num_timesteps=False)
            self.algorithm.logger.close()
            self.ranks.wait()  # until the last checkpoint is written
        return checkpoint.find_checkpoint(self.out)

    def _writers(self) -> list[KVWriter]:
        if not self.ranks.is_first:
            return []
        return [
            JsonLines(self.out / "metrics.jsonl"),
            TensorBoardOutputFormat(str(self.out / "tensorboard")),
        ]

    def save(self) -> None:
        """Write a checkpoint of the present state, which every rank adds its part to."""
        training = self._training_tensors()
        if not self.ranks.is_first:
            return
        steps = self.algorithm.num_timesteps
        folder = self.out / "checkpoints" / f"step_{steps:012d}"
        facts = {"environment steps": steps, "seed": self.config.seed, "rewards": self.config.rewards()}
        run = dataclasses.asdict(self.config)
        checkpoint.save_checkpoint(folder, self.algorithm.policy, training, run, facts)

    def _training_tensors(self) -> dict[str, torch.Tensor]:
        statistics = self.reward_scale.statistics
        counters = {
            "num_timesteps": self.algorithm.num_timesteps,
            "episodes_started": self.ranks.gather(self.worlds.state()["episodes_started"]),
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
            **{
                f"{_REWARD}{name}": torch.as_tensor(state) for name, state in self.reward.state_dict().items()
            },
        }

    def _restore(self, folder: Path) -> None:
        policy = checkpoint.load_policy(folder)[0]
        if policy.config != self.algorithm.policy_config:
            raise UsageError(
                f"{folder}: holds a policy of another size; resume with the preset it was trained with"
            )
        run = checkpoint.read_config(folder)["run"]
        self.config = dataclasses.replace(self.config, init=run.get("init"))  # where it began
        self.algorithm.policy.load_state_dict(policy.state_dict())
        tensors = checkpoint.read_tensors(folder / "training.safetensors")
        try:
            checkpoint.load_optimizer(self.algorithm.optimizer, tensors)
            self.algorithm.num_timesteps = int(tensors["num_timesteps"])
            self.worlds.restore({"episodes_started": self.ranks.own(tensors["episodes_started"].numpy())})
            statistics = self.reward_scale.statistics
            statistics.mean, statistics.var = tensors["return_mean"].numpy(), tensors["return_var"].numpy()
            statistics.count = float(tensors["return_count"])
            torch.set_rng_state(tensors["torch_rng"])
            self.algorithm.shuffle.set_state(tensors["shuffle_rng"])
            learned = {name: t.numpy() for name, t in tensors.items() if name.startswith(_REWARD)}
            self.reward.load_state_dict({name.removeprefix(_REWARD): t for name, t in learned.items()})
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{folder}/training.safetensors: cannot be resumed from ({error})"
            ) from error


def make_reward(config: TrainConfig, worlds: NavigationVecEnv, eye: VisionEncoder) -> WeightedSum:
    """The intrinsic reward of a run; parts of weight 0 are not built."""
    makers: dict[str, Callable[[], IntrinsicReward]] = {
        "icm": lambda: IntrinsicCuriosityModule(worlds.num_envs, eye, config.seed),
        "rnd": lambda: RandomNetworkDistillation(worlds.num_envs, eye, config.seed),
        "coverage": lambda: SurfaceCoverage(worlds, config.reach_m),
        "sub-goals": lambda: SubGoalReward(worlds.num_envs, config.camera, config.sub_goal),
    }
    makers |= dict.fromkeys(SURPRISES, lambda: _reconstruction_curiosity(config, worlds.num_envs))
    return WeightedSum({name: (weight, makers[name]()) for name, weight in config.rewards().items()})


def _finder(config: TrainConfig, start: SequencePolicy | None, eye: VisionEncoder) -> GoalFinder | None:
    """What finds goal images, if anything: that of the policy to start from, as its eye, or the one named."""
    if not config.finder:
        return None
    if config.task != "image-goal":
        raise UsageError(f"finder {config.finder} finds goal images: train preset nano-image-goal with it")
    if start and isinstance(start.search, GoalSearch):
        return start.search.finder
    finder = load_finder(config.finder)
    if finder.tell.in_features != eye.config.squeezed:
        raise UsageError(
            f"finder {config.finder} was taught with an eye of another size: teach one with "
            "`robonav finder --vision YOUR_EYE`, and give its folder as --finder"
        )
    return finder


def _reconstruction_curiosity(config: TrainConfig, num_envs: int) -> ReconstructionCuriosity:
    return ReconstructionCuriosity(
        num_envs,
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
