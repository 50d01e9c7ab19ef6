"""The explorer's policy: RGB and previous actions in, action and value out, with memory of the episode."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from stable_baselines3.common.policies import BasePolicy
from torch import Tensor, nn
from torch.distributions import Categorical

from robonav.policies.config import SequencePolicyConfig
from robonav.policies.encoder import FrameEncoder
from robonav.policies.transformer import CausalTransformer, KeyValueCache

TensorDict = dict[str, Tensor]
NEARNESS_CELLS = 8  # rows and columns of what the encoder learns to tell about depth


class SequencePolicy(BasePolicy):
    """Frame encoder, causal transformer, and linear actor and critic heads on the same trunk.

    It reads `rgb` (channels first, as SB3's `VecTransposeImage` gives it) and `previous_action`, no more.

    Raises:
        ValueError: The observation or action space is not that of a navigation world.
    """

    def __init__(
        self,
        observation_space: spaces.Space[Any],
        action_space: spaces.Space[Any],
        config: SequencePolicyConfig | None = None,
    ) -> None:
        if not isinstance(observation_space, spaces.Dict) or set(observation_space) != {
            "rgb",
            "previous_action",
        }:
            raise ValueError(
                f"SequencePolicy needs a Dict with rgb and previous_action, found {observation_space}"
            )
        if not isinstance(action_space, spaces.Discrete):
            raise ValueError(f"SequencePolicy needs a Discrete action space, found {action_space}")
        super().__init__(observation_space, action_space)
        self.config = config or SequencePolicyConfig()
        image_shape = observation_space["rgb"].shape
        assert image_shape is not None
        self.encoder = FrameEncoder(
            (image_shape[0], image_shape[1], image_shape[2]),
            int(action_space.n),
            self.config.width,
            self.config.conv_channels,
        )
        self.trunk = CausalTransformer(
            self.config.width, self.config.blocks, self.config.heads, self.config.window
        )
        self.actor = nn.Linear(self.config.width, int(action_space.n))
        self.critic = nn.Linear(self.config.width, 1)
        self.nearness = nn.Linear(self.config.width, NEARNESS_CELLS**2)
        self._initialise()

    def new_memory(self, batch: int) -> KeyValueCache:
        """An empty memory for `batch` agents."""
        return self.trunk.new_cache(batch, self.device)

    def step(
        self, observation: TensorDict, memory: KeyValueCache, starts: Tensor
    ) -> tuple[Categorical, Tensor]:
        """One frame per agent: rgb (N, 3, H, W), previous_action (N,), starts (N,) bool; written to memory.

        Returns:
            The action distribution and the values (N,).
        """
        tokens = self.encoder(observation["rgb"], observation["previous_action"])
        hidden = self.trunk.step(tokens, starts, memory)
        return Categorical(logits=self.actor(hidden)), self.critic(hidden)[:, 0]

    def peek_value(self, observation: TensorDict, memory: KeyValueCache) -> Tensor:
        """Values (N,) of a next frame that is not kept: the next step writes its slot again."""
        age, step = memory.age, memory.step
        value = self.step(observation, memory, torch.zeros_like(age, dtype=torch.bool))[1]
        memory.age, memory.step = age, step
        return value

    def forward(self, observation: TensorDict, starts: Tensor) -> tuple[Categorical, Tensor, Tensor]:
        """Whole sequences: rgb (B, T, 3, H, W), previous_action (B, T), starts (B, T) bool.

        Returns:
            Action distribution, values (B, T), and the nearness (B, T, 64) that each frame alone looks like.
        """
        batch, length = starts.shape
        tokens = self.encoder(observation["rgb"].flatten(0, 1), observation["previous_action"].flatten())
        tokens = tokens.unflatten(0, (batch, length))
        hidden = self.trunk(tokens, starts)
        return Categorical(logits=self.actor(hidden)), self.critic(hidden)[..., 0], self.nearness(tokens)

    def predict(
        self,
        observation: Any,
        state: Any = None,
        episode_start: NDArray[np.bool_] | None = None,
        deterministic: bool = False,
    ) -> tuple[NDArray[Any], Any]:
        """SB3's `predict`; pass the returned state back in, and `episode_start` (N,) where episodes begin.

        Returns:
            Actions (N,), or a scalar for a single observation, and the memory.
        """
        self.set_training_mode(False)
        tensors, vectorized = self.obs_to_tensor(observation)
        assert isinstance(tensors, dict)
        tensors = self.flatten_actions(tensors)
        count = tensors["rgb"].shape[0]
        memory = self.new_memory(count) if state is None else state
        starts = np.zeros(count, bool) if episode_start is None else np.asarray(episode_start, bool)
        with torch.no_grad():
            starts_tensor = torch.as_tensor(starts, device=self.device).reshape(count)
            distribution, _ = self.step(tensors, memory, starts_tensor)
        actions = distribution.logits.argmax(-1) if deterministic else distribution.sample()
        array = actions.cpu().numpy()
        return (array if vectorized else array[0]), memory

    @staticmethod
    def flatten_actions(observation: TensorDict) -> TensorDict:
        """The observation with `previous_action` as (N,) int64, whatever shape SB3 gave it."""
        return {**observation, "previous_action": observation["previous_action"].long().flatten()}

    def _predict(self, observation: Any, deterministic: bool = False) -> Tensor:
        """One step without history, for SB3 code that knows no state."""
        observation = self.flatten_actions(observation)
        count = observation["rgb"].shape[0]
        starts = torch.ones(count, dtype=torch.bool, device=self.device)
        distribution, _ = self.step(observation, self.new_memory(count), starts)
        return distribution.logits.argmax(-1) if deterministic else distribution.sample()

    def _initialise(self) -> None:
        """Orthogonal weights; a nearly uniform policy and small values at the beginning."""
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Conv2d):
                nn.init.orthogonal_(module.weight, gain=1.0 if isinstance(module, nn.Linear) else 2**0.5)
                nn.init.zeros_(module.bias) if module.bias is not None else None
        for block in self.trunk.layers():
            nn.init.orthogonal_(block.out.weight, gain=0.1)  # residual branches start small
            nn.init.orthogonal_(block.mlp[2].weight, gain=0.1)  # type: ignore[arg-type]
        nn.init.orthogonal_(self.actor.weight, gain=0.01)
        nn.init.orthogonal_(self.critic.weight, gain=0.1)
        nn.init.normal_(self.encoder.previous_action.weight, std=0.1)
