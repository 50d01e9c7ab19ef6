"""The `robonav` command: finds the subcommand, and says a user's mistakes in one sentence.

A command is one file beside this one: a frozen dataclass whose fields are the arguments and whose docstrings
are the help, with `run()`. Heavy libraries are imported inside `run()`, so that `--help` answers at once.
"""

from __future__ import annotations

import codecs
import errno
import inspect
import io
import os
import sys
import unicodedata
from collections.abc import Sequence
from typing import Annotated, Any, Protocol, Union

import tyro

import robonav
from robonav.errors import UsageError
from robonav.launch.demo import DemoCommand
from robonav.launch.doctor import DoctorCommand
from robonav.launch.drive import DriveCommand
from robonav.launch.evaluate import EvaluateCommand
from robonav.launch.export import ExportCommand
from robonav.launch.finder import FinderCommand
from robonav.launch.map import MapCommand
from robonav.launch.predictor import PredictorCommand
from robonav.launch.rewards import RewardsCommand
from robonav.launch.scenes import ScenesCommand
from robonav.launch.start import prepare
from robonav.launch.train import TrainCommand
from robonav.launch.view import ViewCommand

USERS_MISTAKE = 2
INTERRUPTED = 130
# Signs of help texts and bars for which no ASCII letter is part of them.
_SIGNS = {"•": "*", "\u2013": "-", "—": "-", "→": "->", "…": "...", "│": "|", "─": "-", "━": "="}
_SIGNS |= dict.fromkeys("╭╮╰╯┌┐└┘├┤", "+")


class Command(Protocol):
    """Interface of a subcommand."""

    def run(self) -> int | None:
        """Do it; an exit code, or None for success."""


COMMANDS: dict[str, type[Command]] = {
    "predictor": PredictorCommand,
    "finder": FinderCommand,
    "train": TrainCommand,
    "evaluate": EvaluateCommand,
    "drive": DriveCommand,
    "map": MapCommand,
    "view": ViewCommand,
    "export": ExportCommand,
    "scenes": ScenesCommand,
    "rewards": RewardsCommand,
    "demo": DemoCommand,
    "doctor": DoctorCommand,
}

_FORMER_NAMES = {"vision": "predictor"}


def main(args: Sequence[str] | None = None) -> int:
    """Run one command line; its exit code is 0, 1 (found wanting), 2 (a user's mistake) or 130 (Ctrl-C)."""
    args = list(sys.argv[1:] if args is None else args)
    print_in_any_encoding()
    if args in (["--version"], ["-V"]):
        print(f"robonav {robonav.__version__}")
        return 0
    try:
        try:
            command = parse(args)
            prepare()
            return command.run() or 0
        finally:
            sys.stdout.flush()  # a closed pipe must be found here, where it is handled, and not at exit
    except KeyboardInterrupt:
        print(
            "robonav: interrupted; with --resume it goes on from what is written",
            file=sys.stderr,
        )
        return INTERRUPTED
    except BrokenPipeError:  # whoever reads what is printed, such as `head`, has seen enough
        _hush()
        return 0
    except (ValueError, OSError) as error:
        if not _is_users_mistake(error) or os.environ.get("ROBONAV_DEBUG"):
            raise
        print(f"robonav: error: {_one_line(error)}", file=sys.stderr)
        return USERS_MISTAKE


def _hush() -> None:
    """Send what is still to be printed nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def print_in_any_encoding() -> None:
    """Let terminals and files without UTF-8 get the nearest letters instead of an error."""
    codecs.register_error("robonav-nearest", _nearest)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper) and stream.encoding.lower().replace("-", "") != "utf8":
            stream.reconfigure(errors="robonav-nearest")


def _nearest(error: UnicodeError) -> tuple[str, int]:
    """Replace letters that an encoding lacks by similar ones: m² becomes m2, a bullet *, others ?."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = unicodedata.normalize("NFKD", error.object[error.start : error.end])
    nearest = "".join(_SIGNS.get(letter, letter if letter.isascii() else "?") for letter in lacking)
    return nearest, error.end


def parse(args: Sequence[str]) -> Command:
    """The command that the arguments ask for; prints help and leaves where they ask for none."""
    args = [_FORMER_NAMES.get(args[0], args[0]), *args[1:]] if args else []
    name = args[0] if args else "--help"
    if name in COMMANDS:
        options: Any = {"prog": f"robonav {name}", "description": inspect.getdoc(COMMANDS[name])}
        own_parser = getattr(COMMANDS[name], "parse", None)  # of commands whose options depend on arguments
        if own_parser:
            return own_parser(args[1:], **options)
        return tyro.cli(COMMANDS[name], args=args[1:], **options)
    overview: Any = Union[tuple(Annotated[c, _one_liner(n, c)] for n, c in COMMANDS.items())]  # noqa: UP007
    about = f"{robonav.__doc__}\n\nrobonav COMMAND --help explains a command, with examples."
    return tyro.cli(overview, prog="robonav", description=about, args=args or ["--help"])


def _one_liner(name: str, command: type[Command]) -> Any:
    return tyro.conf.subcommand(name, description=(inspect.getdoc(command) or "").partition("\n")[0])


def _is_users_mistake(error: Exception) -> bool:
    """Whether the message alone says what to mend: a bad scene, checkpoint, option, disk or path."""
    from robonav.envs.robots.robot import RobotError
    from robonav.envs.scenes.scene import SceneError

    return isinstance(error, UsageError | SceneError | RobotError | OSError)


def _one_line(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror and error.filename:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        remedy = ": make room, and go on with --resume or the same command" if full else ""
        return f"{error.filename}: {error.strerror}{remedy}"
    return " ".join(str(error).split())
