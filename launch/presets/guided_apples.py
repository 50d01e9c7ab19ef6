"""`guided` that picks apples, for the reward of that alone; `--init explorer` fine-tunes the explorer."""

from dataclasses import replace

from robonav.launch.presets.guided import PRESET as GUIDED

PRESET = replace(GUIDED, task="apples", surprise_weight=0.0)
