"""Parsing of `--scenes`: a path with optional axes and unit, as in my_scan.ply,up=y,scale=0.01."""

from __future__ import annotations

import re
from dataclasses import dataclass

_SAID = re.compile(r",(?:up=(?P<up>[yz])|scale=(?P<scale>[0-9.e+-]+))$")


@dataclass(frozen=True)
class Spec:
    """Path of scenes, with the up axis and unit of the user's own meshes; None = guess.

    Attributes:
        path: Path or name for `open_scenes`.
        up: "y" or "z".
        scale: Metres in a unit of the files.
    """

    path: str
    up: str | None = None
    scale: float | None = None

    @classmethod
    def parse(cls, text: str) -> Spec:
        """Parse the text of a spec; a plain path is a spec, too."""
        said: dict[str, str] = {}
        while match := _SAID.search(text):
            said = {name: value for name, value in match.groupdict().items() if value} | said
            text = text[: match.start()]
        scale = _number(said["scale"]) if "scale" in said else None
        return cls(text, said.get("up"), scale)

    def __str__(self) -> str:
        up = "" if self.up is None else f",up={self.up}"
        return f"{self.path}{up}" + ("" if self.scale is None else f",scale={self.scale}")


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")  # which the mesh's reader refuses in a sentence
