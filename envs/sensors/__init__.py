"""What an agent perceives of a scene."""

from typing import Literal

SensorName = Literal["raycast", "habitat"]  # what `views.SENSORS` has, beside None
