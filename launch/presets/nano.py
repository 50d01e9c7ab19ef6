"""The explorer that trains on a laptop's CPU: 0.5 M parameters, persistent map reward."""

from robonav.training import TrainConfig

PRESET = TrainConfig()
