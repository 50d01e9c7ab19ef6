"""House rules that no formatter sees: sizes, annotations, nothing unpickled, no paths of one machine."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PACKAGE = ("maps", "envs", "robonav", "launch")
CODE = (*PACKAGE, "tests", "examples", "benchmarks")
DOCUMENTS = ("docs", "README.md", "CHANGELOG.md", "pyproject.toml", "constraints.txt", ".ci")
CPP = {".h", ".cpp"}
TEXT = {".py", ".h", ".cpp", ".sh", ".md", ".toml", ".txt", ".json", ".jsonl", ".jinja", ""}
MAX_FILE_LINES, MAX_FUNCTION_LINES, MAX_CPP_STRING_LINES = 400, 60, 12

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


def long_cpp_functions(source: str) -> Iterator[str]:
    """Functions, methods and lambdas: a brace behind a list of arguments, up to the brace that closes it."""
    code = re.sub(r"//.*|^#.*", "", source, flags=re.MULTILINE)
    for opening in re.finditer(r"(\w+)\([^;{}]*\)[^;{}()]*\{|\](?:\([^()]*\))?\s*\{", code):
        if opening[1] in ("if", "for", "while", "switch"):
            continue
        depth, end = 1, opening.end()
        while depth and end < len(code):
            depth += {"{": 1, "}": -1}.get(code[end], 0)
            end += 1
        lines = code.count("\n", opening.start(), end) + 1
        if lines > MAX_FUNCTION_LINES:
            yield f"{lines} lines in {opening[1] or 'a lambda'}"


def long_cpp_strings(source: str) -> Iterator[str]:
    """C++ that Warp is given as text in a Python file."""
    for function in functions(source):
        for decorator in function.decorator_list:
            lines = (decorator.end_lineno or 0) - decorator.lineno + 1
            if ast.unparse(decorator).startswith("wp.func_native") and lines > MAX_CPP_STRING_LINES:
                yield f"{lines} lines of C++ in a string before {function.name}: put them in a .h file"


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
    (long_files, CODE, {".py", *CPP}),
    (long_functions, CODE, {".py"}),
    (long_cpp_functions, CODE, CPP),
    (long_cpp_strings, PACKAGE, {".py"}),
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
        (
            long_cpp_functions,
            "struct A {\n    void f(int x) const {\n" + "        x = 1;\n" * 60 + "    }\n};",
        ),
        (long_cpp_functions, "A(int a)\n    : a(a) {\n" + "    x = 1;\n" * 60 + "}"),
        (long_cpp_functions, "auto f = [&] {\n" + "    if (x) { x = 1; }\n" * 60 + "};"),
        (long_cpp_strings, '@wp.func_native("""' + "x = 1;\n" * 13 + '""")\ndef f() -> None: ...'),
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


def test_cpp_is_laid_out_as_clang_format_does(repository: Path) -> None:
    files = [file for place in PACKAGE for file in files_in(repository / place) if file.suffix in CPP]
    assert files
    program = shutil.which("clang-format", path=Path(sys.executable).parent)
    assert program, "no clang-format beside Python, expected the one of the dev extra: pip install -e .[dev]"
    done = subprocess.run([program, "--dry-run", "--Werror", *files], capture_output=True, text=True)
    assert not done.returncode, done.stderr + "\nclang-format -i mends it"


def test_a_relative_path_is_no_machine_path() -> None:
    assert not list(machine_paths("see ../shared/data, docs/work/x and <repo>/../tmp/x"))
