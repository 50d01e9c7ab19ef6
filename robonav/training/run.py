"""A training run: worlds, reward, policy and algorithm put together, saved and resumed."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import KVWriter, Logger, TensorBoardOutputFormat
from stable_baselines3.common.vec_env import VecEnv, VecMonitor

from robonav.agents import checkpoint
from robonav.algorithms.ranks import Ranks, equal_part
from robonav.algorithms.reward_scale import RunningRewardScale
from robonav.algorithms.sequence_ppo import SequencePPO
from robonav.envs.navigation.episodes import UsableScenes
from robonav.envs.navigation.tasks import resolved
from robonav.envs.scenes import open_scenes
from robonav.envs.sensors.views import SENSORS
from robonav.envs.vec_env import NavigationVecEnv, WorldVecEnv
from robonav.errors import UsageError
from robonav.files import (
    CheckpointError,
    find_checkpoint,
    load_optimizer,
    optimizer_tensors,
    read_config,
    read_tensors,
    write_text,
)
from robonav.perception.goal_finder import GoalFinder
from robonav.perception.predictor import OccupancyPredictor
from robonav.perception.shipped import load_finder, load_predictor
from robonav.planners.goal_belief import GoalBelief
from robonav.policies.sequence import SequencePolicy
from robonav.rewards.protocol import State
from robonav.rewards.vec_env import IntrinsicRewardVecEnv, Streams
from robonav.training.config import TrainConfig
from robonav.training.fine_tuning import starting_policy, take_over
from robonav.training.finite import FiniteCheck
from robonav.training.log import CheckpointCallback, JsonLines, Progress
from robonav.training.process import keep_freed_memory, set_threads
from robonav.training.same_run import check_same_run
from robonav.training.saved_config import as_json
from robonav.training.watching_callback import watching
from robonav.watching import Viewer

REWARD = "reward."  # prefix of what the reward has learned, in training.safetensors


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
        num_envs = equal_part(config.num_envs, self.ranks.size, "num_envs")
        threads = config.threads or self.ranks.threads
        set_threads(threads)
        keep_freed_memory()
        self.worlds = make_worlds(config, num_envs, threads, first_env=self.ranks.rank * num_envs)
        start = starting_policy(config.init)
        predictor = (start.encoder.predictor if start else None) or predictor_for(config)
        streams: Streams = "sum" if config.ppo.intrinsic_gamma is None else "two"
        paid = pay(config, FiniteCheck(self.worlds, out), predictor, streams)
        self.reward, self.rewarded = paid.reward, VecMonitor(paid)
        self._refuse_ranks_that_learn_alone()
        self.reward_scale = RunningRewardScale(num_envs, config.ppo.gamma, self.ranks)
        ppo = dataclasses.replace(config.ppo, rollout_steps=config.rollout_steps or config.episode_steps)
        self.intrinsic_scale = RunningRewardScale(
            num_envs, config.ppo.intrinsic_gamma or config.ppo.gamma, self.ranks
        )
        self.algorithm = SequencePPO(
            self.rewarded,
            ppo,
            config.policy,
            config.seed,
            config.device,
            predictor=predictor,
            ranks=self.ranks,
            reward_scale=self.reward_scale,
            finder=_finder(config, start, predictor),
            intrinsic_scale=self.intrinsic_scale,
        )
        if start:
            take_over(self.algorithm.policy, start, str(config.init))
        if any((out / "checkpoints").glob("step_*")):  # a run that was killed before its first starts again
            self._restore(find_checkpoint(out))
        self.ranks.wait()  # every rank has seen the folder as it was
        if self.ranks.is_first:
            out.mkdir(parents=True, exist_ok=True)
            write_text(out / "config.json", as_json(self.config))

    def learn(self, progress_bar: bool = True, viewer: Viewer | None = None) -> Path:
        """Train up to `config.steps` and return the last checkpoint; `viewer` watches the first agent."""
        remaining = self.config.steps - self.algorithm.num_timesteps
        if remaining > 0:
            self.algorithm.set_logger(Logger(str(self.out), self._writers()))
            callbacks: list[BaseCallback] = [CheckpointCallback(self, self.config.checkpoint_every)]
            bars = [Progress(self.ranks)] if progress_bar and self.ranks.is_first else []
            callbacks += [*bars, *watching(viewer, self.worlds)]
            try:
                self.algorithm.learn(remaining, CallbackList(callbacks), reset_num_timesteps=False)
            finally:
                for bar in bars:
                    bar.stop()
            self.algorithm.logger.close()
            self.ranks.wait()  # until the last checkpoint is written
        return find_checkpoint(self.out)

    def _refuse_ranks_that_learn_alone(self) -> None:
        """Rewards whose state outlives episodes would drift apart."""
        if self.ranks.size > 1:
            learning = sorted({name.partition("/")[0] for name in self.reward.state_dict()})
            if learning:
                raise UsageError(
                    f"reward {', '.join(learning)} learns, and every rank would learn its own: use --ranks 1"
                )

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
            **self._intrinsic_counters(),
        }
        return {
            **optimizer_tensors(self.algorithm.optimizer),
            # By way of numpy, which keeps a Python float's 64 bits; torch would round the count to 32.
            **{name: torch.as_tensor(np.asarray(value)) for name, value in counters.items()},
            "torch_rng": torch.get_rng_state(),
            "shuffle_rng": self.algorithm.shuffle.get_state(),
            **{f"{REWARD}{name}": torch.as_tensor(state) for name, state in self.reward.state_dict().items()},
        }

    def _intrinsic_counters(self) -> dict[str, Any]:
        """Statistics of the scale of the intrinsic stream, by name; empty without that stream."""
        if self.config.ppo.intrinsic_gamma is None:
            return {}
        scale = self.intrinsic_scale
        known = {name: getattr(scale.statistics, name) for name in ("mean", "var", "count")}
        return {
            **{f"intrinsic_{name}": value for name, value in known.items()},
            "intrinsic_returns": scale.returns,
        }

    def _restore(self, folder: Path) -> None:
        policy = checkpoint.load_policy(folder)[0]
        if policy.config != self.algorithm.policy_config:
            raise UsageError(
                f"{folder}: holds a policy of another size; resume with the preset it was trained with"
            )
        run = read_config(folder)["run"]
        check_same_run(folder, self.config, run)
        self.config = dataclasses.replace(self.config, init=run.get("init"))  # where it began
        self.algorithm.policy.load_state_dict(policy.state_dict())
        tensors = read_tensors(folder / "training.safetensors")
        try:
            load_optimizer(self.algorithm.optimizer, tensors)
            self.algorithm.num_timesteps = int(tensors["num_timesteps"])
            self.worlds.restore({"episodes_started": self.ranks.own(tensors["episodes_started"].numpy())})
            statistics = self.reward_scale.statistics
            statistics.mean, statistics.var = tensors["return_mean"].numpy(), tensors["return_var"].numpy()
            statistics.count = float(tensors["return_count"])
            for name in self._intrinsic_counters().keys() - {"intrinsic_returns"}:
                setattr(
                    self.intrinsic_scale.statistics, name.removeprefix("intrinsic_"), tensors[name].numpy()
                )
                self.intrinsic_scale.returns = tensors["intrinsic_returns"].numpy()
            torch.set_rng_state(tensors["torch_rng"])
            self.algorithm.shuffle.set_state(tensors["shuffle_rng"])
            self.reward.load_state_dict(learned_by_reward(tensors))
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"{folder}/training.safetensors: cannot be resumed from ({error})"
            ) from error


def learned_by_reward(tensors: Mapping[str, torch.Tensor]) -> State:
    """The part of a checkpoint's tensors that is the state of its reward."""
    return {
        name.removeprefix(REWARD): tensor.numpy()
        for name, tensor in tensors.items()
        if name.startswith(REWARD)
    }


def make_worlds(config: TrainConfig, num_envs: int, threads: int, first_env: int = 0) -> WorldVecEnv:
    """The worlds of a run; the first scene is loaded, so that a bad one is told at once."""
    other = config.world_config()
    if other:
        return WorldVecEnv(other.make(num_envs, "train", config.seed, first_env))
    worlds = NavigationVecEnv(
        open_scenes(config.scenes, "train"),
        num_envs,
        config.camera,
        config.episode_steps,
        config.seed,
        threads,
        SENSORS[config.sensor],
        first_env=first_env,
        task=resolved(config.task, config.task_options).make,
        motion_noise=config.motion_noise,
        actions=config.actions,
    )
    next(filter(UsableScenes(worlds.simulator).has, worlds.simulator.scenes.scene_ids))
    return worlds


def predictor_for(config: TrainConfig) -> OccupancyPredictor | None:
    """The frozen predictor of a run, where there are images to look at."""
    return load_predictor(config.predictor) if config.world is None else None


def pay(
    config: TrainConfig,
    worlds: VecEnv,
    predictor: OccupancyPredictor | None,
    streams: Streams = "sum",
    normalise: bool = False,
    gamma: float = 0.99,
) -> IntrinsicRewardVecEnv:
    """The worlds with the intrinsic reward of a run; where it is normalised, its weight counts after that.

    Raises:
        UsageError: The reward cannot read what the worlds show.
    """
    reward, threads = config.reward_config(), torch.get_num_threads()
    weight = sum(part for part, _ in reward.parts.values()) if normalise else 1.0 if reward.parts else 0.0
    return IntrinsicRewardVecEnv(
        worlds,
        reward,
        weight,
        streams,
        normalise,
        gamma,
        seed=config.seed,
        threads=threads,
        predictor=predictor,
    )


def _finder(
    config: TrainConfig, start: SequencePolicy | None, predictor: OccupancyPredictor | None
) -> GoalFinder | None:
    """The finder of goal images, if any: that of the policy to start from, or the one named."""
    if not config.finder or predictor is None:
        return None
    if config.task != "image-goal":
        raise UsageError(f"finder {config.finder} finds goal images: train preset guided-image-goal with it")
    if start and isinstance(start.search, GoalBelief):
        return start.search.finder
    finder = load_finder(config.finder)
    if finder.tell.in_features != predictor.config.squeezed:
        raise UsageError(
            f"finder {config.finder} was taught with a predictor of another size: teach one with "
            "`robonav finder --predictor YOUR_PREDICTOR`, and give its folder as --finder"
        )
    return finder
