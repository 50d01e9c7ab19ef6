"""House rules that no formatter sees: sizes, annotations, nothing unpickled, no paths of one machine."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = ("maps", "envs", "robonav", "launch")
CODE = (*PACKAGE, "tests", "examples", "benchmarks")
DOCUMENTS = ("docs", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt", ".ci")
TEXT = {".py", ".sh", ".md", ".toml", ".txt", ".json", ".jsonl", ".jinja", ""}
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 60

# A folder at the root of a file system that only the writer's machine has; "../shared/" is the way to say it.
MACHINE_PATH = re.compile(r"(?<![\w.-])/(?:work|root|tmp|home|opt|farm)/")


def long_files(source: str) -> Iterator[str]:
    lines = source.count("\n")
    if lines > MAX_FILE_LINES:
        yield f"{lines} lines in one file"


def long_functions(source: str) -> Iterator[str]:
    for function in functions(source):
        lines = (function.end_lineno or 0) - function.lineno + 1
        if lines > MAX_FUNCTION_LINES:
            yield f"{lines} lines in {function.name}"


def unannotated_functions(source: str) -> Iterator[str]:
    for function in functions(source):
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        bare = [a.arg for a in arguments if a.annotation is None and a.arg not in ("self", "cls")]
        is_public = not function.name.startswith("_") or function.name == "__init__"
        # Warp compiles these, and finds out by itself what they return.
        is_kernel = any(ast.unparse(d).startswith("wp.") for d in function.decorator_list)
        if is_public and (bare or (function.returns is None and not is_kernel)):
            yield f"line {function.lineno}: {function.name} lacks annotations of {bare or 'what it returns'}"


def unpickling(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        given = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
        unpickles = re.fullmatch(r"(c?[pP]ickle|dill|joblib)\.loads?", name)
        careless = name == "torch.load" and given.get("weights_only") != "True"
        if unpickles or careless or given.get("allow_pickle") == "True":
            yield f"line {node.lineno}: {name} can run code from the file that it loads"


def machine_paths(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        if MACHINE_PATH.search(line):
            yield f"line {number}: {line.strip()}"


def functions(source: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


Rule = Callable[[str], Iterator[str]]

RULES: list[tuple[Rule, tuple[str, ...], set[str]]] = [
    (long_files, CODE, {".py"}),
    (long_functions, CODE, {".py"}),
    (unannotated_functions, PACKAGE, {".py"}),
    (unpickling, CODE, {".py"}),
    (machine_paths, (*CODE, *DOCUMENTS), TEXT),
]


@pytest.mark.parametrize(("rule", "places", "suffixes"), RULES, ids=[rule.__name__ for rule, _, _ in RULES])
def test_the_house_keeps_its_rules(
    repository: Path, rule: Rule, places: tuple[str, ...], suffixes: set[str]
) -> None:
    files = [file for place in places for file in files_in(repository / place) if file.suffix in suffixes]
    broken = [f"{file}: {found}" for file in files for found in rule(file.read_text())]
    assert files
    assert not broken, "\n" + "\n".join(broken)


def files_in(place: Path) -> list[Path]:
    if place.is_file():
        return [place]
    return sorted(p for p in place.rglob("*") if p.is_file() and "__pycache__" not in p.parts)


@pytest.mark.parametrize(
    ("rule", "offence"),
    [
        (long_files, "x = 1\n" * 401),
        (long_functions, "def f():\n" + "    x = 1\n" * 60),
        (unannotated_functions, "def f(x) -> None: ..."),
        (unannotated_functions, "@wp.func\ndef f(x): ..."),
        (unannotated_functions, "class A:\n    def f(self, x: int): ..."),
        (unpickling, "pickle.load(file)"),
        (unpickling, "torch.load(path)"),
        (unpickling, "np.load(path, allow_pickle=True)"),
        (machine_paths, "data = '" + "/work" + "/data'"),
    ],
)
def test_each_rule_catches_an_offence(rule: Rule, offence: str) -> None:
    assert list(rule(offence))


def test_a_relative_path_is_no_machine_path() -> None:
    assert not list(machine_paths("see ../shared/data, docs/work/x and <repo>/../tmp/x"))
