"""Names and pages use plain words: one class a name, no riddles in docstrings, short pages."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

PACKAGE = ("maps", "envs", "robonav", "launch")
PAGE_WORDS = 1200  # figures of tables included
# The same thing twice: what a planner keeps as tensors, and as the arrays that its kernels take.
SAME_THING = {"Plans"}
RIDDLES = {"What", "Who", "Whoever", "Whom", "Whose"}


def _modules(repository: Path) -> Iterator[tuple[Path, ast.Module]]:
    for folder in PACKAGE:
        for path in sorted((repository / folder).rglob("*.py")):
            if (
                not path.relative_to(repository)
                .as_posix()
                .startswith(("robonav/envs", "robonav/maps", "robonav/launch"))
            ):
                yield path, ast.parse(path.read_text())


def _pages(repository: Path) -> list[Path]:
    pages = [repository / "README.md", *sorted((repository / "docs").rglob("*.md"))]
    return [page for page in pages if "lab-notes" not in page.parts]


def test_no_public_class_name_is_defined_twice(repository: Path) -> None:
    names = Counter(
        node.name
        for _, module in _modules(repository)
        for node in ast.walk(module)
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert len(names) > 200
    assert not sorted(name for name, count in names.items() if count > 1 and name not in SAME_THING)


def test_docstrings_name_their_subject(repository: Path) -> None:
    """Those of attributes too, which are the `--help` of options: "What the agent sees" is a riddle."""
    riddles, count = [], 0
    for path, module in _modules(repository):
        for node in ast.walk(module):
            if not isinstance(node, ast.Expr) or not isinstance(node.value, ast.Constant):
                continue
            words = str(node.value.value).split()
            count += 1
            if words and words[0] in RIDDLES:
                riddles.append(f"{path.relative_to(repository)}:{node.lineno}: {' '.join(words[:8])}")
    assert count > 3000
    assert not riddles, "\n".join(["begin with the thing itself or with a verb:", *riddles])


def test_pages_are_short(repository: Path) -> None:
    words = {page.name: len(page.read_text().split()) for page in _pages(repository)}
    long = {name for name, count in words.items() if count > PAGE_WORDS}
    assert len(words) > 20
    assert not long, {name: words[name] for name in long}


def test_pages_point_to_nothing_that_readers_lack(repository: Path) -> None:
    assert not [page.name for page in _pages(repository) if "../shared" in page.read_text()]
