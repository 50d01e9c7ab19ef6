"""`guided` that goes to goal images, for that reward alone; `--init explorer` fine-tunes the explorer."""

from dataclasses import replace

from robonav.launch.presets.guided import PRESET as GUIDED

PRESET = replace(GUIDED, task="image-goal", surprise_weight=0.0, finder="nano")
