"""The commands of docs/training.md are understood; tests/training runs what they do."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from robonav.launch import cli
from robonav.launch.train import TrainCommand


def test_every_command_and_every_option_of_the_page_is_understood(repository: Path) -> None:
    page = (repository / "docs" / "training.md").read_text()
    commands = re.findall(r"^(?:torchrun .*--no-python )?robonav (train .*)$", page, re.MULTILINE)
    assert len(commands) == 12
    for command in commands:
        assert isinstance(cli.parse(shlex.split(command)), TrainCommand)
    options = set(re.findall(r"`(--[a-z-]+(?: [\d.]+)?)`", page)) - {"--resume"}
    assert {option.split()[0] for option in options} >= {"--ranks", "--micro-batch"}
    for option in options:
        value = [] if " " in option else ["1"] if option != "--precision" else ["bfloat16"]
        assert isinstance(cli.parse(["train", "guided", *option.split(), *value]), TrainCommand), option
