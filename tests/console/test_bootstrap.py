"""The first command on a fresh machine: it builds its environment, or says in one line what it lacks."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from console import bootstrap

ROOT = Path(__file__).resolve().parent.parent.parent
PRETEND = """
import runpy, sys
sys.version_info = {version}
sys.argv = ["manage.py", "check"]
runpy.run_path("manage.py", run_name="__main__")
"""


def start(*arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run Python in the project's folder, outside of this test run's environment."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOW", "DJANGO_"))}
    host = getattr(sys, "_base_executable", sys.executable)
    return subprocess.run(
        [host, *arguments], cwd=ROOT, env={**kept, **settings}, capture_output=True, text=True
    )


def test_an_old_python_is_told_in_one_line() -> None:
    done = start("-c", PRETEND.format(version=(3, 9, 2)))
    assert done.returncode == 1
    assert done.stderr == "Flow Log Console needs Python 3.11 or newer; this is 3.9.\n"


def test_a_place_that_cannot_be_written_is_told_in_one_line(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    done = start("manage.py", "check", FLOW_VENV=str(file / "venv"))
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot build the environment in ")
    assert done.stderr.count("\n") == 1


def test_a_changed_lock_makes_the_environment_stale(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("django==5.2\n")
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(sys.executable)
    assert not bootstrap._is_current(environment, lock)
    (environment / bootstrap.STAMP).write_text(f"{bootstrap._checksum(lock)} requirements.lock\n")
    assert bootstrap._is_current(environment, lock)
    lock.write_text("django==5.3\n")
    assert not bootstrap._is_current(environment, lock)


def test_an_environment_whose_python_is_gone_is_stale(tmp_path: Path) -> None:
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    environment = tmp_path / "venv"
    (environment / "bin").mkdir(parents=True)
    (environment / "bin" / "python").symlink_to(tmp_path / "removed")
    (environment / bootstrap.STAMP).write_text(f"{bootstrap._checksum(lock)} requirements.lock\n")
    assert not bootstrap._is_current(environment, lock)


@pytest.mark.parametrize("lock", ["requirements.lock", "requirements-dev.lock"])
def test_locks_pin_by_hash_and_name_no_index(lock: str) -> None:
    lines = (ROOT / lock).read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in pin and pin.endswith("\\") for pin in pins)
    assert not [line for line in lines if "://" in line or line.startswith("-")]


def test_development_lock_holds_the_runtime_lock() -> None:
    def pins(name: str) -> set[str]:
        return {line.split(" ")[0] for line in (ROOT / name).read_text().splitlines() if "==" in line}

    assert pins("requirements.lock") <= pins("requirements-dev.lock")


def program(folder: Path, name: str, script: str) -> Path:
    """Put a shell script into the folder under the name of a program."""
    file = folder / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)
    return file


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Callable[[str], str]) -> Path:
    """The only folder that programs are found in: a few plain tools, and what the test adds."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("cp", "mkdir", "tar", "touch"):
        (folder / name).symlink_to(tool(name))
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(bootstrap, "SYSTEM", tmp_path)
    return folder


WHEEL = "usr/share/python-wheels/pip-23.0-py3-none-any.whl"
UNPACK = f"mkdir -p $3/{Path(WHEEL).parent} && touch $3/{WHEEL}"
FETCH = 'case "$*" in *" download python3-pip-whl") touch pip.deb;; *) exit 100;; esac'
FETCH_WITH_OWN_LISTS = """case "$*" in
    *"Dir::State::Lists=$PWD "*" update") touch updated;;
    *"Dir::State::Lists=$PWD "*" download python3-pip-whl") test -e updated && touch pip.deb;;
    *) exit 100;;
esac"""
FETCH_FAILS = "exit 100"


@pytest.mark.parametrize(
    ("pip", "ensurepip", "wheel", "added", "expected"),
    [
        pytest.param("23.0", True, True, {"uv": ""}, "bin/uv pip install --python python", id="uv"),
        pytest.param(
            "23.0", False, False, {}, "python -m pip --python python install", id="pip, no ensurepip"
        ),
        pytest.param("22.2", True, False, {}, "python -m pip install", id="pip too old for --python"),
        pytest.param("", True, False, {}, "python -m pip install", id="ensurepip, no pip"),
        pytest.param(
            "",
            False,
            True,
            {"apt-get": FETCH_FAILS},
            f"python {WHEEL}/pip install",
            id="Debian's wheel of pip",
        ),
        pytest.param(
            "",
            False,
            False,
            {"apt-get": FETCH, "dpkg-deb": UNPACK},
            f"python fetched/{WHEEL}/pip install",
            id="Debian's archive",
        ),
        pytest.param(
            "",
            False,
            False,
            {"apt-get": FETCH_WITH_OWN_LISTS, "dpkg-deb": UNPACK},
            f"python fetched/{WHEEL}/pip install",
            id="Debian's archive, package lists missing",
        ),
        pytest.param(
            "", False, False, {"apt-get": FETCH_FAILS, "dpkg-deb": UNPACK}, "", id="archive out of reach"
        ),
        pytest.param("", False, False, {"apt-get": FETCH, "dpkg-deb": "exit 2"}, "", id="package is broken"),
        pytest.param("", False, False, {}, "", id="not Debian"),
    ],
)
def test_packages_are_installed_with_what_the_machine_has(
    pip: str,
    ensurepip: bool,
    wheel: bool,
    added: dict[str, str],
    expected: str,
    tmp_path: Path,
    programs: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    version = f"echo pip {pip} from a folder" if pip else "exit 1"
    python = program(
        tmp_path,
        "python",
        f'case "$*" in "-m pip --version") {version};; "-m ensurepip") exit {int(not ensurepip)};; esac',
    )
    monkeypatch.setattr(sys, "_base_executable", str(python), raising=False)
    if wheel:
        (tmp_path / WHEEL).parent.mkdir(parents=True)
        (tmp_path / WHEEL).touch()
    for name, script in added.items():
        program(programs, name, script)
    fetched = tmp_path / "fetched"
    fetched.mkdir()
    command = bootstrap._installer(str(python), fetched)
    assert " ".join(command).replace(f"{tmp_path}/", "") == expected


@pytest.fixture
def bare_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Python have neither pip nor ensurepip, as on a Debian with the package python3 alone."""
    hidden = tmp_path / "hidden"
    hidden.mkdir()
    for module in ("pip", "ensurepip"):
        (hidden / f"{module}.py").write_text("raise SystemExit(1)\n")
    monkeypatch.setenv("PYTHONPATH", str(hidden))
    # A builder inside an environment leaves that one alone; this test is not to look like its builder.
    monkeypatch.setattr(sys, "prefix", sys.base_prefix)


def test_a_debian_without_pip_and_venv_builds_its_environment(
    tmp_path: Path, programs: Path, bare_python: None, tool: Callable[[str], str]
) -> None:
    package = tmp_path / "package"
    (package / "DEBIAN").mkdir(parents=True)
    (package / "DEBIAN" / "control").write_text(
        "Package: python3-pip-whl\nVersion: 1\nArchitecture: all\nMaintainer: nobody\nDescription: pip\n"
    )
    (package / WHEEL).parent.mkdir(parents=True)
    with zipfile.ZipFile(package / WHEEL, "w") as pip:
        pip.writestr(
            "pip/__main__.py", "import sys; open(sys.prefix + '/done', 'w').write(' '.join(sys.argv[1:]))"
        )
    archive = tmp_path / "python3-pip-whl_1_all.deb"
    subprocess.run([tool("dpkg-deb"), "--build", package, archive], check=True, capture_output=True)
    (programs / "dpkg-deb").symlink_to(tool("dpkg-deb"))
    program(programs, "apt-get", f"cp {archive} .")
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    environment = tmp_path / "venv"

    bootstrap._build(environment, lock)

    assert (environment / "done").read_text() == f"install --require-hashes --quiet -r {lock}"
    assert bootstrap._is_current(environment, lock)


def test_a_machine_without_any_pip_is_told_what_to_install(
    tmp_path: Path, programs: Path, bare_python: None, capfd: pytest.CaptureFixture[str]
) -> None:
    program(programs, "apt-get", "echo E: Unable to locate package >&2; exit 100")
    program(programs, "dpkg-deb", UNPACK)
    lock = tmp_path / "requirements.lock"
    lock.write_text("")
    with pytest.raises(SystemExit) as end:
        bootstrap._build(tmp_path / "venv", lock)
    assert str(end.value).startswith("error: ")
    assert str(end.value).endswith("on Debian: apt-get install python3-venv.")
    assert capfd.readouterr().err.count("\n") == 1  # that the environment is being prepared
    assert not bootstrap._is_current(tmp_path / "venv", lock)


@pytest.mark.long
def test_two_first_commands_at_once_build_one_environment(tmp_path: Path) -> None:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("FLOW", "DJANGO_"))}
    environ = {**kept, "FLOW_VENV": str(tmp_path / "venv"), "FLOWLOG_HOME": str(tmp_path / "home")}
    host = getattr(sys, "_base_executable", sys.executable)
    first, second = (
        subprocess.Popen(
            [host, "manage.py", "check"],
            cwd=ROOT,
            env=environ,
            stderr=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    )
    outputs = [process.communicate(timeout=300) for process in (first, second)]
    assert [first.returncode, second.returncode] == [0, 0], outputs
    assert sum("Preparing the environment" in error for _, error in outputs) == 1
