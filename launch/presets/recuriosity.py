"""ReCuriosity's design at a size for CPUs: a sequence policy over RGB, no map of its own, no planner."""

from robonav.training.config import TrainConfig

PRESET = TrainConfig()
