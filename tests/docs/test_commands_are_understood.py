"""The command line understands every `robonav` command of the documents, with all of its options."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from robonav.launch import cli


def fenced_commands(markdown: str) -> list[str]:
    """The `robonav` commands of all fenced blocks, continued lines joined."""
    blocks = re.findall(r"^ *```(?:bash)?\n(.*?)^ *```", markdown, re.MULTILINE | re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line.strip() for line in lines if line.strip().startswith("robonav ")]


def test_every_command_of_every_page_is_understood(repository: Path) -> None:
    pages = [repository / "README.md", *(repository / "docs").rglob("*.md")]
    today = [page for page in pages if "lab-notes" not in page.parts]
    commands = [command for page in today for command in fenced_commands(page.read_text())]
    assert len(commands) > 80
    for command in commands:
        cli.parse(shlex.split(command, comments=True)[1:])


def test_an_option_that_does_not_exist_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    (command,) = fenced_commands("```\nrobonav drive explorer \\\n    --sceen my_house.glb\n```")
    with pytest.raises(SystemExit):
        cli.parse(shlex.split(command)[1:])
    assert "--sceen" in capsys.readouterr().err
