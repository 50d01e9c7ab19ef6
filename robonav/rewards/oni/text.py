"""Text in observations: one canonical form, and bytes where vector environments keep numbers only."""

from __future__ import annotations

import re
import unicodedata
from decimal import Context
from typing import Any

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from robonav.errors import UsageError

_LONGEST = 400  # characters of a caption
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_BLANK = re.compile(r"[\s\x00-\x1f\x7f]+")


def canonical(text: str, digits: int = 2) -> str:
    """The text in lower case, with single spaces, and numbers rounded to so many significant digits."""
    plain = _BLANK.sub(" ", unicodedata.normalize("NFKC", text).casefold()).strip()[:_LONGEST]
    rounding = Context(prec=digits)
    return _NUMBER.sub(lambda found: f"{rounding.create_decimal(found[0]).normalize():f}", plain)


def read_text(values: NDArray[Any]) -> list[str]:
    """The texts of N agents, from strings (N,) or UTF-8 bytes (N, L) that end with zeros."""
    if values.dtype == np.uint8:
        return [bytes(row).rstrip(b"\0").decode("utf-8", "ignore") for row in values]
    return [str(value) for value in values.ravel()]


def is_text(space: spaces.Space[Any]) -> bool:
    """Whether values of a space are strings."""
    return isinstance(space, spaces.Text) or space.dtype is str or space.dtype == np.dtype(str)


class TextAsBytes(gymnasium.ObservationWrapper[dict[str, Any], Any, dict[str, Any]]):
    """Gives the text in `Dict` observations as UTF-8 bytes (L,) uint8, which SB3 can carry; it cuts strings.

    Args:
        env: With a `Dict` of observations.
        length: L; longer text is cut.

    Raises:
        UsageError: Observations have no text.
    """

    def __init__(self, env: gymnasium.Env[dict[str, Any], Any], length: int = 200) -> None:
        super().__init__(env)
        space = env.observation_space
        parts = dict(space.spaces) if isinstance(space, spaces.Dict) else {}
        self._length, self._keys = length, [key for key, part in parts.items() if is_text(part)]
        if not self._keys:
            raise UsageError(f"TextAsBytes found no text in observations of {space}: leave it out")
        box: spaces.Space[Any] = spaces.Box(0, 255, (length,), np.uint8)
        self.observation_space = spaces.Dict(parts | dict.fromkeys(self._keys, box))

    def observation(self, observation: dict[str, Any]) -> dict[str, Any]:
        """The observation with bytes for text."""
        return observation | {key: self._bytes(observation[key]) for key in self._keys}

    def _bytes(self, text: str) -> NDArray[np.uint8]:
        said = text.encode()[: self._length]
        return np.frombuffer(said.ljust(self._length, b"\0"), np.uint8).copy()
