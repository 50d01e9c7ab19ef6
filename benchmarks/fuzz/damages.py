"""Damages of a file: bits, numbers, stretches and values of its content become others."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from random import Random
from typing import Any

TOKENS = (
    b"-1", b"0", b"4294967295", b"-9999999999", b"1e999", b"NaN", b"null", b"[]", b"{}", b'""', b"true",
    b'"../../../../etc/passwd"', b'"/etc/passwd"', b'"../secret"', b'"link"', b'"a\\u0000b"', b"[" * 5000,
    b"\xff\xfe", b"\x00" * 8, b"\xff" * 8, b"../secret", b"/etc/passwd", b"link",
    b"[&a [*a, *a]]", b"!!python/object/apply:os.getcwd []", b".nan", b".inf", b"2026-11-22",
)  # fmt: skip
VALUES = (
    None, True, -1, 0, 1, 3, 255, 2**31, 2**63, 1e308, float("nan"), "", "x" * 3000, [], {}, [0], {"a": 1},
    "../secret", "/etc/passwd", "link", "..", [[[[]]]], [-1, -1], "../../../../etc/passwd", "data:,x",
)  # fmt: skip


def damaged(content: bytes, rng: Random) -> bytes:
    """The content with one to four kinds of damage."""
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        content = rng.choice(DAMAGES)(content, rng)
    return content


def _flip(content: bytes, rng: Random) -> bytes:
    data = bytearray(content or b"\0")
    for _ in range(rng.choice((1, 2, 8))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def _extreme(content: bytes, rng: Random) -> bytes:
    """A number of 1, 2, 4 or 8 bytes at its limits."""
    width = rng.choice((1, 2, 4, 8))
    at = rng.randrange(max(1, len(content) - width))
    value = rng.choice((b"\0", b"\xff", b"\x7f", b"\x80")) + rng.choice((b"\0", b"\xff")) * (width - 1)
    return content[:at] + rng.choice((value, value[::-1])) + content[at + width :]


def _cut(content: bytes, rng: Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def _move(content: bytes, rng: Random) -> bytes:
    """A stretch left out, doubled, or copied elsewhere."""
    first, last = sorted(rng.randrange(len(content) + 1) for _ in range(2))
    at = rng.choice((first, last, rng.randrange(len(content) + 1)))
    stretch = content[first:last] if rng.random() < 0.7 else b""
    return content[:at] + stretch + content[rng.choice((at, last)) :]


def _insert(content: bytes, rng: Random) -> bytes:
    at, token = rng.randrange(len(content) + 1), rng.choice(TOKENS)
    return content[:at] + token + content[at + rng.choice((0, len(token))) :]


def _number(content: bytes, rng: Random) -> bytes:
    """A number or a name in a text becomes another."""
    is_word = [chr(byte).isalnum() for byte in content]
    starts = [k for k, word in enumerate(is_word) if word and not (k and is_word[k - 1])]
    if not starts:
        return content
    start = end = rng.choice(starts)
    while end < len(content) and is_word[end]:
        end += 1
    return content[:start] + rng.choice(TOKENS) + content[end:]


def _json(content: bytes, rng: Random) -> bytes:
    """A value in the JSON of a file, or of one of its lines, becomes another; the file still fits."""
    lines = content.splitlines(keepends=True)
    if len(lines) > 1 and content[:1] == b"{" and content[:2] != b"{\n":
        at = rng.randrange(len(lines))
        return b"".join((*lines[:at], _json(lines[at].strip(), rng) + b"\n", *lines[at + 1 :]))
    is_glb = content[:4] == b"glTF"
    length = int.from_bytes(content[12:16], "little")
    text, rest = (content[20 : 20 + length], content[20 + length :]) if is_glb else (content, b"")
    try:
        tree = json.loads(text)
    except (ValueError, RecursionError):
        return content
    places = list(_places(tree))
    if not places:
        return content
    for _ in range(rng.choice((1, 1, 2))):
        holder, key = rng.choice(places)
        holder[key] = rng.choice((*VALUES, rng.choice(places)[0] if rng.random() < 0.1 else 0))
    try:
        text = json.dumps(tree).encode()
    except ValueError:  # it contains itself
        return content
    if not is_glb:
        return text
    text += b" " * (-len(text) % 4)
    sizes = (20 + len(text) + len(rest)).to_bytes(4, "little") + len(text).to_bytes(4, "little")
    return content[:8] + sizes + content[16:20] + text + rest


def _unpacked(content: bytes, rng: Random) -> bytes:
    """Damage the content of a gzip file, and pack it again."""
    try:
        return gzip.compress(damaged(gzip.decompress(content), rng), mtime=0)
    except (OSError, EOFError, zlib.error):
        return content


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    keys = list(tree) if isinstance(tree, dict) else range(len(tree)) if isinstance(tree, list) else ()
    for key in keys:
        yield tree, key
        yield from _places(tree[key])


DAMAGES = (_flip, _extreme, _cut, _move, _insert, _number, _json, _json, _json, _unpacked)
