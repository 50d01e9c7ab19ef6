"""Kinds of noise that somebody can stare at, as pictures of 8 × 8 greys in [0, 8]."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

SIDE = 8
WHITE = 8.0  # grey values, so that whole ones can be told apart
_PEOPLE = 6

Picture = NDArray[np.float32]


class Television(Protocol):
    """Shows pictures (64,) that cannot be predicted from the last one and the action."""

    def __init__(self, rng: np.random.Generator) -> None: ...

    def show(self, pressed: bool) -> Picture:
        """The next picture; `pressed` = the watcher's action was the button."""


class Still:
    """A wall: no noise at all, which is the control."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._picture = random_picture(rng)

    def show(self, pressed: bool) -> Picture:
        """The same picture."""
        return self._picture


class Brownian:
    """Each pixel drifts: it can be predicted but for a small step."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._picture = rng, random_picture(rng)

    def show(self, pressed: bool) -> Picture:
        """The last picture and a normal step of a tenth of white, reflected at black and white."""
        moved = np.abs(self._picture + self._rng.normal(0.0, 0.1 * WHITE, SIDE * SIDE))
        self._picture = np.where(moved > WHITE, 2 * WHITE - moved, moved).astype(np.float32)
        return self._picture


class Independent:
    """Each pixel is drawn anew in each step."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng

    def show(self, pressed: bool) -> Picture:
        """A picture that has nothing to do with the last one."""
        return random_picture(self._rng)


class OnDemand:
    """A new channel whenever the button is pressed: noise that the agent brings about."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._picture = rng, random_picture(rng)

    def show(self, pressed: bool) -> Picture:
        """Another picture after the button, and else the same."""
        if pressed:
            self._picture = random_picture(self._rng)
        return self._picture


class Flicker:
    """One of two pictures, by a coin: noise of one bit."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng, self._pictures = rng, (random_picture(rng), random_picture(rng))

    def show(self, pressed: bool) -> Picture:
        """Either picture."""
        return self._pictures[self._rng.integers(2)]


class Crowd:
    """People who wander about a square: most of the picture can be predicted, where they step cannot."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._people = rng.integers(0, SIDE, (_PEOPLE, 2))

    def show(self, pressed: bool) -> Picture:
        """Bright where people are, each of whom stays or goes one pixel along each axis."""
        self._people = (self._people + self._rng.integers(-1, 2, self._people.shape)).clip(0, SIDE - 1)
        picture = np.zeros((SIDE, SIDE), np.float32)
        picture[self._people[:, 0], self._people[:, 1]] = WHITE
        return picture.ravel()


def random_picture(rng: np.random.Generator) -> Picture:
    """Greys (64,) drawn anew."""
    return WHITE * rng.random(SIDE * SIDE, np.float32)


TELEVISIONS: dict[str, type[Television]] = {
    "still": Still,
    "brownian": Brownian,
    "iid": Independent,
    "on-demand": OnDemand,
    "flicker": Flicker,
    "crowd": Crowd,
}
