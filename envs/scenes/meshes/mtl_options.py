"""The options that an MTL may have before a picture's name."""

from __future__ import annotations

import math

_OPTIONS = {  # of `map_Kd` in an MTL, and the most words that follow each
    **dict.fromkeys(("-o", "-s", "-t"), 3),
    "-mm": 2,
    **dict.fromkeys(
        ("-blendu", "-blendv", "-boost", "-texres", "-clamp", "-bm", "-imfchan", "-type", "-cc"), 1
    ),
}


def without_options(name: str) -> tuple[str, dict[str, list[float]]]:
    """A texture's name in an MTL without the options before it, and those options that are numbers."""
    options: dict[str, list[float]] = {}
    words = name.split()
    while len(words) > 1 and words[0].lower() in _OPTIONS:
        option, most = words[0].lower(), _OPTIONS[words[0].lower()]
        count = 1
        while count < len(words) - 1 and count <= most and (most == 1 or _is_number(words[count])):
            count += 1
        options[option] = [float(word) for word in words[1:count] if _is_number(word)]
        words = words[count:]
    return (" ".join(words) if options else name.strip()), options


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False
