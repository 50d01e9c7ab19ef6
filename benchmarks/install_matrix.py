"""On which systems do wheels alone install robonav, and how much is downloaded?

    pip install uv
    python benchmarks/install_matrix.py
    python benchmarks/install_matrix.py --extras drive view

prints a Markdown table: a row for each Python, a column for each system, in each field the megabytes of all
wheels and of torch's among them, or the package that has none. Nothing is installed. uv resolves, since it
evaluates environment markers for the system asked about; pip does so for the one that it runs on.
"""

from __future__ import annotations

import os
import re
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tyro

PYPROJECT = Path(__file__).resolve().parents[1] / "pyproject.toml"
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_34",  # Warp's wheel asks for this glibc
    "macOS arm64": "aarch64-apple-darwin",
    "Windows x86-64": "x86_64-pc-windows-msvc",
}
_PACKAGE = re.compile(r'^name = "([^"]+)"$(.*?)(?=^\[\[packages\]\]|\Z)', re.MULTILINE | re.DOTALL)
_SIZE = re.compile(r"size = (\d+)")
_LACKS_WHEEL = re.compile(r"([\w.-]+?)(?:[<>=][^ ]*)? (?:has|have) no (?:usable )?wheels")


@dataclass(frozen=True)
class Options:
    """Versions and extras to resolve."""

    pythons: tuple[str, ...] = ("3.10", "3.11", "3.12", "3.13", "3.14")
    """Versions of Python."""
    extras: tuple[str, ...] = ()
    """Extras to install beside the core."""


def field(options: Options, python: str, platform: str) -> str:
    """Megabytes of all wheels and of torch with CUDA among them, or what has no wheel."""
    with tempfile.TemporaryDirectory() as folder:
        lock = Path(folder) / "pylock.toml"
        command = ["uv", "pip", "compile", str(PYPROJECT), "--only-binary", ":all:", "--no-config", "--quiet"]
        command += ["--python-platform", platform, "--python-version", python]
        command += ["--format", "pylock.toml", "--output-file", str(lock)]
        command += [word for extra in options.extras for word in ("--extra", extra)]
        # without the settings of this machine: its own wheels and mirrors are nobody else's
        plain = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "UV_"))}
        done = subprocess.run(command, env=plain, capture_output=True, text=True)
        if done.returncode:
            message = " ".join(done.stderr.split())
            lacking = dict.fromkeys(_LACKS_WHEEL.findall(message))
            return f"no wheel of {', '.join(lacking)}" if lacking else message
        return sizes(lock.read_text())


def sizes(lock: str) -> str:
    """Megabytes of the wheels of a lock file: all, and torch with the CUDA libraries that it asks for."""
    wheels = {name: int(size[1]) for name, rest in _PACKAGE.findall(lock) if (size := _SIZE.search(rest))}
    torch = sum(
        size for name, size in wheels.items() if name.startswith(("torch", "triton", "nvidia-", "cuda-"))
    )
    return f"{sum(wheels.values()) / 1e6:,.0f} MB, of which torch {torch / 1e6:,.0f}"


def main(options: Options) -> None:
    print("| Python |", " | ".join(SYSTEMS), "|")
    print("|" + "---|" * (len(SYSTEMS) + 1))
    with ThreadPoolExecutor(4) as pool:
        for python in options.pythons:
            fields = pool.map(partial(field, options, python), SYSTEMS.values())
            print(f"| {python} |", " | ".join(fields), "|", flush=True)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
