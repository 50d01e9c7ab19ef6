"""`nano` that goes to goal images, for that reward alone; `--init explorer` fine-tunes the explorer."""

from dataclasses import replace

from robonav.launch.presets.nano import PRESET as NANO

PRESET = replace(NANO, task="image-goal", surprise_weight=0.0, finder="nano")
