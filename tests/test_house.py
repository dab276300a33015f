"""Files, functions and directories do not exceed their maximum sizes."""

import ast
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("exporter", "avepoint_simulator")
MODULES = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
FOLDERS = sorted({path.parent for path in MODULES})


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_file_has_more_than_300_lines(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 300


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: str(folder.relative_to(ROOT)))
def test_no_folder_has_more_than_16_modules(folder: Path) -> None:
    assert len([path for path in MODULES if path.parent == folder and path.name != "__init__.py"]) <= 16


def functions(path: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_function_has_more_than_50_lines(path: Path) -> None:
    sizes = {one.name: (one.end_lineno or 0) - one.lineno + 1 for one in functions(path)}
    assert {name: size for name, size in sizes.items() if size > 50} == {}


def named_types(path: Path) -> Iterator[str]:
    """Yield the names of the public classes and type aliases of a module."""
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield node.name
        elif isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            name, is_variable = node.targets[0].id, "TypeVar(" in ast.unparse(node.value)
            if name[:1].isupper() and not name.isupper() and not is_variable:
                yield name


@pytest.mark.parametrize("package", PACKAGES)
def test_a_name_of_a_type_means_one_thing(package: str) -> None:
    names = Counter(name for path in MODULES if (ROOT / package) in path.parents for name in named_types(path))
    assert [name for name, count in names.items() if count > 1] == []
