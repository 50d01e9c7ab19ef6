"""ReCuriosity's design at a size for CPUs: a sequence policy over RGB, no map of its own, no planner."""

from robonav.algorithms.sequence_ppo import SequencePPOConfig
from robonav.policies.config import SequencePolicyConfig
from robonav.training.config import TrainConfig

PRESET = TrainConfig(
    steps=262_144,
    policy=SequencePolicyConfig(spatial=None, guidance=None),
    ppo=SequencePPOConfig(entropy=0.02, final_entropy=0.01, schedule_steps=262_144),
)
