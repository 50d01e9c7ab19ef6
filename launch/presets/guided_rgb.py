"""`guided` with ReCuriosity's reward: low-passed RGB error against the rendered map, over a threshold."""

from dataclasses import replace

from robonav.launch.presets.guided import PRESET as GUIDED
from robonav.rewards.curiosity import RgbConfig

# a far wall that the map left out would surprise for ever
PRESET = replace(GUIDED, reward="rgb", reward_options=RgbConfig(reach_m=100.0))
