"""`nano` that picks apples, for the reward of that alone; `--init explorer` fine-tunes the explorer."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, task="apples", surprise_weight=0.0)
