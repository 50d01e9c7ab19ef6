"""Sensors: cameras, ray casting, rasterising, moving bodies."""

from typing import Literal

SensorName = Literal["raycast", "habitat"]  # what `views.SENSORS` has, beside None
