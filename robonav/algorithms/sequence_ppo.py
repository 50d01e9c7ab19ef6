"""PPO over whole episodes for policies that remember: an SB3 algorithm."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.on_policy_algorithm import OnPolicyAlgorithm
from stable_baselines3.common.utils import explained_variance
from stable_baselines3.common.vec_env import VecEnv
from torch import Tensor
from torch.nn import functional as F

from robonav.algorithms.bonus_share import BonusStream
from robonav.algorithms.ranks import Ranks, equal_part
from robonav.algorithms.reward_scale import RewardScale
from robonav.algorithms.sequence_buffer import PolicyStep, SequenceBatch, SequenceBuffer, Stream
from robonav.errors import UsageError
from robonav.perception.goal_finder import GoalFinder
from robonav.perception.predictor import OccupancyPredictor
from robonav.perception.shipped import load_predictor
from robonav.planners.goal_belief import GoalBelief
from robonav.policies.config import SequencePolicyConfig
from robonav.policies.sequence import Memory, SequencePolicy

_LOGGED = ("policy_loss", "value_loss", "entropy", "approx_kl", "clip_fraction")


@dataclass(frozen=True)
class SequencePPOConfig:
    """Hyper-parameters; the defaults are those of preset `recuriosity`."""

    rollout_steps: int = 256
    """Steps per environment and update; where episodes go on after them, memory does too."""
    sequences_per_batch: int = 8
    """Whole sequences per gradient step, of all ranks together."""
    micro_batch: int = 8
    """Whole sequences in memory at once; a gradient step adds the gradients of several such up."""
    epochs: int = 4
    """Passes over a rollout."""
    learning_rate: float = 7e-4
    """Adam's learning rate at the beginning."""
    final_learning_rate_share: float = 0.3
    """Share of the learning rate that is left at the end of the schedule."""
    entropy: float = 0.02
    """Entropy bonus at the beginning."""
    final_entropy: float = 0.01
    """Entropy bonus at the end of the schedule."""
    schedule_steps: int = 262_144
    """Environment steps over which learning rate and entropy bonus fall; constant afterwards."""
    gamma: float = 0.99
    """Discount per step."""
    gae_lambda: float = 0.95
    """Trace decay of the advantage estimate."""
    intrinsic_gamma: float | None = None
    """Discount of the intrinsic reward, which then has its own value head; None = one head for the sum."""
    intrinsic_episodic: bool | None = None
    """Whether intrinsic returns end with episodes, where they have a head of their own; None = as the reward
    says, so those of RND do not."""
    extrinsic_weight: float = 1.0
    """Of the advantages of the task's reward, where there are two heads."""
    intrinsic_weight: float = 1.0
    """Of the advantages of the intrinsic reward, where there are two heads."""
    clip: float = 0.2
    """Clip range of the probability ratio."""
    value_weight: float = 0.5
    """Weight of the value loss."""
    max_grad_norm: float = 0.5
    """Gradients are scaled down to this norm."""
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    """Of the policy's matrix products; auto = bfloat16 on CUDA, float32 elsewhere."""

    def __post_init__(self) -> None:
        """Refuse what cannot be learned with."""
        for name in ("sequences_per_batch", "micro_batch"):
            if getattr(self, name) < 1:
                raise UsageError(f"{name} is {getattr(self, name)}: give at least 1")

    @property
    def streams(self) -> tuple[Stream, ...]:
        """The streams of reward: the sum, or the task's and the intrinsic one."""
        if self.intrinsic_gamma is None:
            return (Stream(self.gamma),)
        intrinsic = Stream(self.intrinsic_gamma, self.intrinsic_episodic is not False, self.intrinsic_weight)
        return Stream(self.gamma, weight=self.extrinsic_weight), intrinsic


class SequencePPO(OnPolicyAlgorithm):
    """PPO (Schulman et al. 2017) over mini-batches of whole sequences: the loss sees what acting saw.

    What the policy remembers of a rollout is rebuilt from its frames when learning. Of episodes that began in
    an earlier one, learning reads the trunk's memory as it was when the rollout began, as acting did
    (Transformer-XL, Dai et al. 2019, eq. 4-6); a rollout of whole episodes has no such state.
    Callbacks, loggers, VecEnv wrappers, `learn` and `predict` are SB3's.

    With several ranks each one acts in its own environments; together they take the gradient steps that one
    process would take with all of these environments, and every rank has the same weights.
    """

    policy: SequencePolicy  # type: ignore[assignment]
    rollout_buffer: Any

    def __init__(
        self,
        env: VecEnv,
        config: SequencePPOConfig | None = None,
        policy_config: SequencePolicyConfig | None = None,
        seed: int | None = None,
        device: str = "auto",
        verbose: int = 0,
        predictor: OccupancyPredictor | None = None,
        ranks: Ranks | None = None,
        reward_scale: RewardScale | None = None,
        finder: GoalFinder | None = None,
        intrinsic_scale: RewardScale | None = None,
    ) -> None:
        self.predictor = (predictor or load_predictor()) if reads_rgb(env) else None
        self.ranks, self.reward_scale = ranks or Ranks(), reward_scale or RewardScale()
        self.intrinsic_scale = intrinsic_scale or RewardScale()
        if self.ranks.size > 1 and seed is None:
            raise UsageError(f"{self.ranks.size} ranks need a seed, the same for all: they draw alike")
        self.config = config or SequencePPOConfig()
        self.finder, config_of_finder = finder, finder.config if finder else None
        self.bonus = BonusStream(env, self.config.intrinsic_gamma is not None, self.ranks)
        if self.config.intrinsic_episodic is None:
            self.config = replace(self.config, intrinsic_episodic=self.bonus.episodic)
        size = replace(policy_config or SequencePolicyConfig(), value_heads=len(self.config.streams))
        seen_through = self.predictor.config if self.predictor else size.predictor
        self.policy_config = replace(size, predictor=seen_through, finder=config_of_finder)
        super().__init__(
            SequencePolicy,  # type: ignore[arg-type]
            env,
            learning_rate=self.config.learning_rate,
            n_steps=self.config.rollout_steps,
            gamma=self.config.gamma,
            gae_lambda=self.config.gae_lambda,
            ent_coef=self.config.entropy,
            vf_coef=self.config.value_weight,
            max_grad_norm=self.config.max_grad_norm,
            use_sde=False,
            sde_sample_freq=-1,
            seed=seed,
            device=device,
            verbose=verbose,
            monitor_wrapper=False,
            supported_action_spaces=(spaces.Discrete, spaces.MultiDiscrete, spaces.Box),
            _init_setup_model=False,
        )
        self._setup_model()

    def _setup_model(self) -> None:
        self._setup_lr_schedule()
        self.set_random_seed(self.seed)
        self.policy = SequencePolicy(self.observation_space, self.action_space, self.policy_config).to(
            self.device
        )
        self.policy_config = self.policy.config
        if self.predictor and self.policy.encoder.predictor:
            self.policy.encoder.predictor.load_state_dict(self.predictor.state_dict())
        if self.finder and isinstance(self.policy.search, GoalBelief):
            self.policy.search.finder.load_state_dict(self.finder.state_dict())
        self.learned = [weight for weight in self.policy.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.Adam(self.learned, lr=self.config.learning_rate, eps=1e-5)
        self.shuffle = torch.Generator().manual_seed(self.seed or 0)
        self._memory: Memory | None = None
        head = self.policy.actor
        self.rollout_buffer = SequenceBuffer(
            self.config.rollout_steps,
            self.n_envs,
            self.policy.encoder.kept,
            head.action_shape,
            head.action_dtype,
            len(self.config.streams),
        )

    def collect_rollouts(
        self, env: VecEnv, callback: BaseCallback, rollout_buffer: Any, n_rollout_steps: int
    ) -> bool:
        """Act for `n_rollout_steps` in every environment; False if a callback asked to stop."""
        buffer: SequenceBuffer = rollout_buffer
        self.policy.set_training_mode(False)
        dones = np.asarray(self._last_episode_starts)
        memory = self._begin_rollout(buffer, dones)
        callback.on_rollout_start()
        for t in range(n_rollout_steps):
            decision = self._act(self._last_obs, memory, dones)  # nothing privileged
            buffer.remember(t, decision)  # before the step: an env may reuse its arrays
            # the env's wrapper computes map, surprise and their reward: robonav/rewards/vec_env.py
            self._last_obs, rewards, dones, infos = env.step(self.policy.actor.to_env(decision.actions))  # type: ignore[assignment]
            streams, cut_off = self.bonus.streams(rewards), self._cut_off(dones, infos, memory)
            buffer.rewards[t], buffer.cut_off[t] = streams, cut_off  # whole sequences; PPO re-feeds them
            self._count_step(dones, infos)
            callback.update_locals(locals())
            if not callback.on_step():
                return False
        self._scale_rewards(buffer)
        next_values = self._peek(self._last_obs, memory)
        buffer.compute_advantages(next_values, dones, self.config.streams, self.config.gae_lambda)
        callback.update_locals(locals())
        callback.on_rollout_end()
        return True

    def _act(self, observation: Any, memory: Memory, starts: NDArray[np.bool_]) -> PolicyStep:
        """Choose the next actions of all environments; `memory` takes the observation in."""
        head: Any = self.policy.actor
        begins = torch.as_tensor(starts, device=self.device)
        with torch.no_grad(), self._precision():
            percept = self.policy.perceive(self._tensors(observation), memory, begins)
            policy, values = self.policy.step(percept, memory, begins)
        distribution = head.exact(policy)
        actions = head.sample(distribution, self._noise())
        log_probs = distribution.log_prob(actions)
        return PolicyStep(
            percept, starts, actions.cpu().numpy(), values.float().cpu().numpy(), log_probs.cpu().numpy()
        )

    def _count_step(self, dones: NDArray[np.bool_], infos: list[dict[str, Any]]) -> None:
        """SB3's counts: which episodes begin now, steps of all ranks, episodes that ended."""
        self._last_episode_starts = dones
        self.num_timesteps += self.n_envs * self.ranks.size
        self._update_info_buffer(infos, dones)

    def _begin_rollout(self, buffer: SequenceBuffer, starts: NDArray[np.bool_]) -> Memory:
        """Return the agents' memory, a new one if all episodes begin now."""
        if self._memory is None or starts.all():
            self._memory, buffer.before = self.policy.new_memory(len(starts)), (None, None)
        else:
            buffer.before = [frames.carry() for frames in self._memory.frames]
        return self._memory

    def _scale_rewards(self, buffer: SequenceBuffer) -> None:
        """Put each stream of reward on its scale, and add what time limits took away."""
        scales = (self.reward_scale, self.intrinsic_scale)
        for k, (stream, scale) in enumerate(zip(self.config.streams, scales, strict=False)):
            starts = buffer.starts & stream.episodic
            buffer.rewards[:, :, k] = scale.scaled(buffer.rewards[:, :, k], starts)
        buffer.rewards += buffer.cut_off

    def train(self) -> None:
        """Update the policy from the rollout: `epochs` passes, a gradient step per batch of sequences."""
        config, buffer = self.config, self.rollout_buffer
        self.policy.set_training_mode(True)
        progress = min(1.0, self.num_timesteps / config.schedule_steps)
        learning_rate = config.learning_rate * (1 - progress * (1 - config.final_learning_rate_share))
        entropy_weight = config.entropy + progress * (config.final_entropy - config.entropy)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        advantages = self.ranks.gather(buffer.advantages, axis=1)
        arrays = (buffer.values, buffer.returns, buffer.rewards)
        values, returns, rewards = self.ranks.gather(np.stack(arrays), axis=2)
        mean, std = advantages.mean(), advantages.std()  # before the buffer's own array changes
        buffer.advantages -= mean
        buffer.advantages /= std + 1e-8
        sequences = equal_part(config.sequences_per_batch, self.ranks.size, "sequences_per_batch")
        logs = [
            self._gradient_step(envs, entropy_weight)
            for _ in range(config.epochs)
            for envs in buffer.shuffled(sequences, self.shuffle)
        ]
        self._n_updates += config.epochs
        self._adapt_normalisers()
        for key, mean in zip(_LOGGED, self.ranks.gather(np.stack(logs)).mean(0), strict=True):
            self.logger.record(f"train/{key}", float(mean))
        explained = explained_variance(values.flatten(), returns.flatten())
        self.logger.record("train/explained_variance", float(explained))
        self.logger.record("train/learning_rate", learning_rate)
        self.logger.record("train/entropy_weight", entropy_weight)
        self.logger.record("rollout/reward_mean", float(rewards.sum(-1).mean()))
        self.bonus.tell(self.logger)

    def _adapt_normalisers(self) -> None:
        """Let the policy's normalisers know of this rollout, of all ranks; the next one is acted with it."""
        moments = self.policy.encoder.moments(self.rollout_buffer.percepts)
        self.policy.encoder.adapt(
            {name: self.ranks.gather(sums[None]).sum(0) for name, sums in moments.items()}
        )

    def dump_logs(self, iteration: int = 0) -> None:
        """Write what was logged since the last update, with the training speed."""
        elapsed = max((time.time_ns() - self.start_time) / 1e9, 1e-9)
        self.logger.record("time/steps_per_s", (self.num_timesteps - self._num_timesteps_at_start) / elapsed)
        self.logger.record("time/total_timesteps", self.num_timesteps, exclude="tensorboard")
        episodes = [info["r"] for info in self.ep_info_buffer or ()]
        total, count = self.ranks.gather(np.array([[sum(episodes), len(episodes)]], np.float64)).sum(0)
        if count:
            self.logger.record("rollout/ep_rew_mean", float(total / count))
        self.logger.dump(step=self.num_timesteps)

    def _gradient_step(self, envs: NDArray[np.int64], entropy_weight: float) -> NDArray[np.float32]:
        """One step on these sequences and those of the other ranks; gives the means of what is logged."""
        self.optimizer.zero_grad(set_to_none=True)
        logs = np.zeros(len(_LOGGED), np.float32)
        for some in np.split(envs, range(self.config.micro_batch, len(envs), self.config.micro_batch)):
            loss, log = self._loss(self.rollout_buffer.batch(some, self.device), entropy_weight)
            share = len(some) / len(envs)
            (loss * (share / self.ranks.size)).backward()
            logs += share * log
        self.ranks.sum_gradients(self.learned)
        torch.nn.utils.clip_grad_norm_(self.learned, self.config.max_grad_norm)
        self.optimizer.step()
        return logs

    def _loss(self, batch: SequenceBatch, entropy_weight: float) -> tuple[Tensor, NDArray[np.float32]]:
        """The clipped objective (Schulman et al. 2017, eq. 9) and what is logged of it."""
        with self._precision():
            policy, values = self.policy(batch.percepts, batch.starts, batch.before)
        distribution, values = self.policy.actor.exact(policy), values.float()
        log_ratio = distribution.log_prob(batch.actions) - batch.log_probs
        ratio = log_ratio.exp()
        clipped = ratio.clamp(1 - self.config.clip, 1 + self.config.clip)
        policy_loss = -torch.min(batch.advantages * ratio, batch.advantages * clipped).mean()
        value_loss = F.mse_loss(values, batch.returns) * len(self.config.streams)
        entropy = distribution.entropy().mean()
        loss = policy_loss + self.config.value_weight * value_loss - entropy_weight * entropy
        with torch.no_grad():
            approx_kl = ((ratio - 1) - log_ratio).mean()
            clip_fraction = ((ratio - 1).abs() > self.config.clip).float().mean()
            logged = torch.stack([policy_loss, value_loss, entropy, approx_kl, clip_fraction])
        return loss, logged.cpu().numpy()

    def _noise(self) -> Tensor:
        """Return this rank's part of the random numbers from which actions (N, A) are drawn.

        Every rank draws for all of them, on the CPU: so who acts how depends neither on the number of ranks
        nor on the device, and one random state resumes any of them.
        """
        whole = self.policy.actor.noise(self.n_envs * self.ranks.size)
        return self.ranks.own(whole).to(self.device)

    def _precision(self) -> torch.autocast:
        precision = self.config.precision
        wanted = precision == "bfloat16" or (precision == "auto" and self.device.type == "cuda")
        return torch.autocast(self.device.type, torch.bfloat16, enabled=wanted)

    def _cut_off(self, dones: Any, infos: list[dict[str, Any]], memory: Memory) -> np.ndarray:
        """Discounted values (N, V) of what follows where a time limit cut an episode, 0 elsewhere."""
        cut = np.array(
            [done and info.get("TimeLimit.truncated", False) for done, info in zip(dones, infos, strict=True)]
        )
        if not cut.any():
            return np.zeros((len(dones), len(self.config.streams)), np.float32)
        last: Any = {key: np.array(value) for key, value in self._last_obs.items()}  # type: ignore[union-attr]
        for i in np.flatnonzero(cut):
            for key in last:
                last[key][i] = infos[i]["terminal_observation"][key]
        # a stream that goes on over episode ends has the value of the next episode in its place
        gammas = np.array([stream.gamma * stream.episodic for stream in self.config.streams], np.float32)
        return np.where(cut[:, None], gammas * self._peek(last, memory), 0.0).astype(np.float32)

    def _peek(self, observation: Any, memory: Memory) -> np.ndarray:
        with torch.no_grad(), self._precision():
            return self.policy.peek_value(self._tensors(observation), memory).float().cpu().numpy()

    def _tensors(self, observation: Any) -> dict[str, Tensor]:
        """An observation of all environments, on the policy's device."""
        tensors = {key: torch.as_tensor(value, device=self.device) for key, value in observation.items()}
        return self.policy.flatten_actions(tensors)


def reads_rgb(env: VecEnv) -> bool:
    """Whether a policy in these worlds sees `rgb`, and so needs a frozen predictor."""
    return isinstance(env.observation_space, spaces.Dict) and "rgb" in env.observation_space.spaces
