"""The explorer that trains on a laptop's CPU: `recuriosity` with a map of its own and a planner."""

from dataclasses import replace

from robonav.algorithms.sequence_ppo import SequencePPOConfig
from robonav.launch.presets.recuriosity import PRESET as RECURIOSITY
from robonav.policies.config import SequencePolicyConfig

# A planner shows the way from the beginning: half the steps do, and little pay for chance.
PRESET = replace(RECURIOSITY, steps=131_072, policy=SequencePolicyConfig(), ppo=SequencePPOConfig())
