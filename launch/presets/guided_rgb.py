"""`guided` with ReCuriosity's reward: low-passed RGB error against the rendered map, over a threshold."""

from dataclasses import replace

from robonav.launch.presets.guided import PRESET as GUIDED

PRESET = replace(
    GUIDED, reward="rgb", reach_m=100.0
)  # a far wall that the map left out would surprise for ever
