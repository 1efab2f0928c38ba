"""The rules of the house: imports go one way, pure modules stay pure, every setting is documented."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from console.checks import names

ROOT = Path(__file__).resolve().parent.parent
ORDER = ("analytics", "flowlogs", "console")  # each may import itself and what stands after it
PURE = (
    "console/jsontexts.py",
    "console/policies.py",
    "console/texts.py",
    "flowlogs/record.py",
    "flowlogs/codec.py",
    "flowlogs/rules.py",
    "flowlogs/fees.py",
    "flowlogs/netflow",
    "flowlogs/addresses.py",
    "flowlogs/attribute.py",
    "flowlogs/inventory_compiler.py",
    "flowlogs/inventory_parts.py",
    "flowlogs/inventory_tables.py",
    "flowlogs/secgroups.py",
    "flowlogs/tallies.py",
    "flowlogs/verdicts.py",
    "flowlogs/windows.py",
    "analytics/language",
    "analytics/charts",
)
# What a pure module may use besides the language and the other pure modules.
PURE_LIBRARIES = {"numpy", "sqlglot", "plotly"}
# Parts of the standard library that read clocks, files, networks, chance or the machine.
IMPURE = {
    *("asyncio", "concurrent", "glob", "http", "io", "logging", "mmap", "multiprocessing", "os", "pathlib"),
    *(
        "random",
        "secrets",
        "select",
        "selectors",
        "shutil",
        "signal",
        "socket",
        "sqlite3",
        "subprocess",
        "sys",
    ),
    *("tempfile", "threading", "time", "urllib", "uuid"),
}
CLOCKS = {"now", "today", "utcnow", "open", "input", "print"}


def python_files(place: str) -> list[Path]:
    """Return the Python files of a package or of a single module; neither need exist yet."""
    path = ROOT / place
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the line and the absolute name of every module that a file imports, also inside functions."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module or "").split(".") if node.module else ())))
            yield node.lineno, module
            # `from flowlogs import record` imports a module as well as a name.
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


@pytest.mark.parametrize("package", ORDER)
def test_imports_go_one_way(package: str) -> None:
    forbidden = ORDER[: ORDER.index(package)]
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in python_files(package)
        for line, name in imports(path)
        if name.partition(".")[0] in forbidden
    ]
    assert wrong == []


def is_pure(name: str) -> bool:
    """Tell whether a pure module may import this name."""
    top = name.partition(".")[0]
    if top in ORDER:
        path = name.replace(".", "/")
        return any(
            path == place.removesuffix(".py") or path.startswith(place.removesuffix(".py") + "/")
            for place in PURE
        )
    if top in PURE_LIBRARIES:
        return True
    return top in sys.stdlib_module_names and top not in IMPURE


@pytest.mark.parametrize("place", PURE)
def test_pure_modules_import_only_what_is_pure(place: str) -> None:
    wrong: list[str] = []
    for path in python_files(place):
        by_line: dict[int, list[str]] = {}
        for line, name in imports(path):
            by_line.setdefault(line, []).append(name)
        # Of `from package import module` either reading may be the pure one.
        wrong += [
            f"{path.relative_to(ROOT)}:{line} imports {found[0]}"
            for line, found in by_line.items()
            if not any(is_pure(name) for name in found)
        ]
    assert wrong == []


@pytest.mark.parametrize("place", PURE)
def test_pure_modules_ask_no_clock_and_open_nothing(place: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} calls {called}"
        for path in python_files(place)
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and (called := getattr(node.func, "attr", getattr(node.func, "id", ""))) in CLOCKS
    ]
    assert wrong == []


def test_settings_are_read_from_the_environment_in_one_file() -> None:
    """Bootstrap reads two names before there are settings; others may only hand names on to their children."""
    read = re.compile(
        r"(?:environ\.get\(|getenv\(|environ\[)\s*\"(FLOW\w*|REDIS_URL|DATABASE_URL)\"(?:[,)]|\](?!\s*=))"
    )
    wrong = [
        f"{path.relative_to(ROOT)} reads {name}"
        for path in [ROOT / "manage.py", *(path for package in ORDER for path in python_files(package))]
        if path.name != "bootstrap.py"
        for name in read.findall(path.read_text())
    ]
    assert wrong == []


def documented_settings() -> set[str]:
    """Return the names in the first column of the README's table of settings."""
    rows = re.findall(r"^\|\s*`([A-Z][A-Z0-9_]+)`", (ROOT / "README.md").read_text(), re.MULTILINE)
    return set(rows)


def test_every_setting_is_documented_and_every_documented_setting_exists() -> None:
    before_settings = {"FLOW_VENV", "FLOW_SYSTEM_PYTHON", "FLOWLOG_REQUIRE_TOOLS"}
    assert documented_settings() - before_settings == names()


def test_no_file_is_third_party() -> None:
    """Scripts and styles of others come out of their packages."""
    minified = [str(path.relative_to(ROOT)) for path in (ROOT / "static").rglob("*.min.*")]
    assert minified == []
