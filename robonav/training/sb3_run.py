"""A training run by an algorithm of SB3: same worlds, rewards, folder and resuming as by SequencePPO."""

from __future__ import annotations

import dataclasses
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.callbacks import BaseCallback, CallbackList
from stable_baselines3.common.logger import Logger, TensorBoardOutputFormat
from stable_baselines3.common.vec_env import VecEnv, VecMonitor, VecNormalize

from robonav.agents.sb3_policy import save_sb3
from robonav.algorithms.bonus_share import BonusLog
from robonav.algorithms.ranks import Ranks
from robonav.algorithms.sb3 import SB3Config, check_actions, make_sb3, policy_options, sb3_class
from robonav.errors import UsageError
from robonav.files import CheckpointError, find_checkpoint, read_config, read_tensors, write_text
from robonav.rewards.vec_env import IntrinsicRewardVecEnv
from robonav.training.config import TrainConfig
from robonav.training.finite import FiniteCheck
from robonav.training.log import CheckpointCallback, JsonLines, Progress
from robonav.training.process import keep_freed_memory, set_threads
from robonav.training.run import REWARD, learned_by_reward, make_worlds, pay, predictor_for
from robonav.training.saved_config import as_json
from robonav.training.watching_callback import watching
from robonav.watching import Viewer

_EPISODES, _SCALE = "episodes_started", "scale."
_STATISTICS = ("mean", "var", "count")


class SB3Run:
    """A run folder as `TrainingRun` makes it, learned by plain PPO, SAC or RecurrentPPO.

    Raises:
        UsageError: The folder already holds a run and `resume` is False, the algorithm cannot take the
            actions, or something was asked for that only sequence-ppo has.
    """

    def __init__(self, config: TrainConfig, out: Path, resume: bool = False) -> None:
        self.config, self.out = config, out
        if (out / "config.json").exists() and not resume:
            raise UsageError(
                f"{out}: already holds a run; add --resume to continue it, or choose another --out"
            )
        if config.init or config.finder:
            raise UsageError(f"{config.algorithm} starts from scratch and has no finder: leave them out")
        sb3_class(config.algorithm)  # whether it is installed
        set_threads(config.threads or torch.get_num_threads())
        keep_freed_memory()
        self.worlds = make_worlds(config, config.num_envs, config.threads)
        check_actions(config.algorithm, self.worlds.action_space)
        self.options, predictor = options_of(config), predictor_for(config)
        checked = FiniteCheck(self.worlds, out)
        self.paid = pay(config, checked, predictor, normalise=True, gamma=self.options.gamma)
        self.rewarded = scaled(VecMonitor(self.paid), self.options)
        self.algorithm = make_sb3(config.algorithm, self.rewarded, self.options, config.seed, config.device)
        if any((out / "checkpoints").glob("step_*")):
            last = find_checkpoint(out)
            restore(self.algorithm, self.paid, last, config.algorithm)
            self._restore_scale(last, read_tensors(last / "training.safetensors"))
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "config.json", as_json(config))

    def learn(self, progress_bar: bool = True, viewer: Viewer | None = None) -> Path:
        """Train up to `config.steps` and return the last checkpoint; `viewer` watches the first agent."""
        remaining = self.config.steps - self.algorithm.num_timesteps
        if remaining > 0:
            writers = [JsonLines(self.out / "metrics.jsonl")]
            board = TensorBoardOutputFormat(str(self.out / "tensorboard"))
            self.algorithm.set_logger(Logger(str(self.out), [*writers, board]))
            callbacks: list[BaseCallback] = [CheckpointCallback(self, self.config.checkpoint_every)]
            callbacks += [Progress(Ranks())] if progress_bar else []
            callbacks += [BonusLog(), *watching(viewer, self.worlds)]
            self.algorithm.learn(remaining, CallbackList(callbacks), reset_num_timesteps=False)
            self.algorithm.logger.close()
        return find_checkpoint(self.out)

    def save(self) -> None:
        """Write a checkpoint of the present state."""
        folder = self.out / "checkpoints" / f"step_{self.algorithm.num_timesteps:012d}"
        save_sb3(
            folder,
            self.config.algorithm,
            self.algorithm,
            policy_options(self.options),
            {
                **training_tensors(self.algorithm, self.paid),
                **self._scale_tensors(),
            },
            dataclasses.asdict(self.config),
        )

    def _scale_tensors(self) -> dict[str, torch.Tensor]:
        """The scale of rewards, where there is one, and the stream of episodes."""
        started = {_EPISODES: torch.as_tensor(self.worlds.state()[_EPISODES])}
        if not isinstance(self.rewarded, VecNormalize):
            return started
        known = {name: np.asarray(getattr(self.rewarded.ret_rms, name)) for name in _STATISTICS}
        known["returns"] = self.rewarded.returns
        return {**started, **{f"{_SCALE}{name}": torch.as_tensor(value) for name, value in known.items()}}

    def _restore_scale(self, folder: Path, tensors: dict[str, torch.Tensor]) -> None:
        try:
            self.worlds.restore({_EPISODES: tensors[_EPISODES].numpy()})
            if isinstance(self.rewarded, VecNormalize):
                known = {name: tensors[f"{_SCALE}{name}"].numpy() for name in (*_STATISTICS, "returns")}
                self.rewarded.ret_rms.mean, self.rewarded.ret_rms.var = known["mean"], known["var"]
                self.rewarded.ret_rms.count = float(known["count"])
        except KeyError as error:
            raise CheckpointError(f"{folder}: cannot be resumed from ({error})") from error


def scaled(env: VecEnv, options: SB3Config) -> VecEnv:
    """The environments, their rewards divided by the deviation of their returns where that is asked for."""
    if not options.normalise_rewards:
        return env
    return VecNormalize(env, norm_obs=False, norm_reward=True, gamma=options.gamma)


def options_of(config: TrainConfig) -> SB3Config:
    """The hyper-parameters of the algorithm that a configuration names."""
    options: dict[str, SB3Config] = {
        "ppo": config.plain_ppo,
        "recurrent-ppo": config.recurrent_ppo,
        "sac": config.sac,
    }
    return options[config.algorithm]


def numpy_rng() -> torch.Tensor:
    """The state of NumPy's global random numbers, with which SB3 shuffles: its keys, then its position."""
    _, keys, position, *_ = np.random.get_state()
    return torch.as_tensor(np.append(np.asarray(keys, np.int64), position))


def training_tensors(algorithm: Any, paid: IntrinsicRewardVecEnv) -> dict[str, torch.Tensor]:
    """State to resume from: optimisers, counters, random numbers, rewards, SAC's entropy weight."""
    tensors = {
        "num_timesteps": torch.as_tensor(algorithm.num_timesteps),
        "updates": torch.as_tensor(algorithm._n_updates),
        "torch_rng": torch.get_rng_state(),
        "numpy_rng": numpy_rng(),
        **{f"{REWARD}{name}": torch.as_tensor(array) for name, array in paid.state_dict().items()},
    }
    if getattr(algorithm, "log_ent_coef", None) is not None:
        tensors["log_ent_coef"] = algorithm.log_ent_coef.detach()
    for name, state in algorithm.get_parameters().items():
        for index, entry in state.get("state", {}).items() if name != "policy" else ():
            tensors |= {f"{name}|{index}|{key}": torch.as_tensor(value) for key, value in entry.items()}
    return tensors


def restore(algorithm: Any, paid: IntrinsicRewardVecEnv, folder: Path, name: str) -> None:
    """Continue from a checkpoint; SAC's replay buffer starts empty.

    Raises:
        CheckpointError: It is damaged, or another algorithm's.
    """
    trained_by = read_config(folder).get("algorithm")
    if trained_by != name:
        raise CheckpointError(f"{folder}: was trained by {trained_by}: resume with --algorithm {trained_by}")
    tensors = read_tensors(folder / "training.safetensors")
    parameters = algorithm.get_parameters()
    parameters["policy"] = read_tensors(folder / "model.safetensors")
    for flat, value in tensors.items():
        if flat.count("|") == 2:
            optimizer, index, key = flat.split("|")
            parameters[optimizer]["state"].setdefault(int(index), {})[key] = value
    try:
        algorithm.set_parameters(parameters)
        algorithm.num_timesteps, algorithm._n_updates = int(tensors["num_timesteps"]), int(tensors["updates"])
        if "log_ent_coef" in tensors:
            algorithm.log_ent_coef.data.copy_(tensors["log_ent_coef"])
        torch.set_rng_state(tensors["torch_rng"])
        drawn = tensors["numpy_rng"].numpy()
        np.random.set_state(("MT19937", drawn[:-1].astype(np.uint32), int(drawn[-1]), 0, 0.0))
        paid.load_state_dict(learned_by_reward(tensors))
    except (KeyError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{folder}: cannot be resumed from ({error})") from error
    if name == "sac":
        warnings.warn("the replay buffer of sac is not saved: it starts empty", stacklevel=2)
