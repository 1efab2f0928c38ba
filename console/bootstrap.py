"""Build the environment that the project runs in. Standard library only.

The environment is `.venv` beside manage.py, or FLOW_VENV. It holds exactly what the hash-pinned lock
files say; their checksums are stamped into it, so a changed lock is installed by the next command.
FLOW_SYSTEM_PYTHON=1 uses the running Python as it is (containers, CI images).
"""

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

ROOT = Path(__file__).resolve().parent.parent
STAMP = "flowlog-locks"
RUNTIME_LOCK = ROOT / "requirements.lock"
DEVELOPMENT_LOCK = ROOT / "requirements-dev.lock"
OLDEST_PIP = (22, 3)  # the first that installs into another environment with --python
PIP_PACKAGE = "python3-pip-whl"  # Debian's package of pip's wheel
PIP_WHEELS = "usr/share/python-wheels/pip-*.whl"  # what that package holds
SYSTEM = Path("/")
APT_OPTIONS = ["-oAcquire::Retries=0", "-oAcquire::http::Timeout=10", "-oAcquire::Languages=none"]


def enter(arguments: list[str]) -> None:
    """Return inside the project's environment: build it where needed and start this command again in it."""
    if os.environ.get("FLOW_SYSTEM_PYTHON") == "1":
        return
    environment = Path(os.environ.get("FLOW_VENV") or ROOT / ".venv").absolute()
    lock = DEVELOPMENT_LOCK if arguments[1:2] == ["test"] else RUNTIME_LOCK
    if not _is_current(environment, lock):
        with _sole_builder(environment):
            if not _is_current(environment, lock):
                _build(environment, lock)
    if Path(sys.prefix) != environment:
        python = str(_python(environment))
        os.execv(python, [python, *arguments])  # noqa: S606 - no shell is wanted


def _python(environment: Path) -> Path:
    return environment / "bin" / "python"


def _checksum(lock: Path) -> str:
    return hashlib.sha256(lock.read_bytes()).hexdigest()


def _is_current(environment: Path, lock: Path) -> bool:
    stamp = environment / STAMP
    return _python(environment).exists() and stamp.exists() and _checksum(lock) in stamp.read_text().split()


@contextmanager
def _sole_builder(environment: Path) -> Iterator[None]:
    """Hold the lock that keeps two first commands from building into the same folder."""
    try:
        environment.parent.mkdir(parents=True, exist_ok=True)
        handle = environment.with_name(environment.name + ".lock").open("w")
    except OSError as error:
        _fail(
            f"cannot build the environment in {environment}: {error.strerror}. Set FLOW_VENV to a writable path"
        )
    with handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _build(environment: Path, lock: Path) -> None:
    print(
        f"Preparing the environment in {environment} (once, about half a minute)", file=sys.stderr, flush=True
    )
    stamp = environment / STAMP
    stamp.unlink(missing_ok=True)
    _create(environment)
    _install(environment, lock)
    # The development lock holds everything of the runtime lock, pinned alike.
    locks = {RUNTIME_LOCK, lock}
    stamp.write_text("".join(f"{_checksum(path)} {path.name}\n" for path in sorted(locks)))


def _create(environment: Path) -> None:
    try:
        import venv
    except ImportError:
        _fail("this Python has no venv module; on Debian: apt-get install python3-venv")
    # A builder that already runs inside the environment must not replace its own interpreter.
    if Path(sys.prefix) != environment:
        try:
            venv.EnvBuilder(with_pip=False, symlinks=True, clear=not _python(environment).exists()).create(
                environment
            )
        except OSError as error:
            _fail(
                f"cannot build the environment in {environment}: {error.strerror}. Set FLOW_VENV to a writable path"
            )


def _install(environment: Path, lock: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="flowlog-") as folder:
        command = _installer(str(_python(environment)), Path(folder))
        if not command:
            _fail("no pip, no ensurepip, and apt-get fetched none; on Debian: apt-get install python3-venv")
        if not _run([*command, "--require-hashes", "--quiet", "-r", str(lock)]):
            _fail(
                f"could not install what {lock.name} lists (the lines above say why); run the command again to retry"
            )


def _installer(python: str, folder: Path) -> list[str]:
    """Return the command that installs for that Python, by the first way this machine has; empty where none.

    What has to be fetched for it is put into the folder.
    """
    uv = shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", python]
    host = getattr(sys, "_base_executable", sys.executable)
    if _pip_version(host) >= OLDEST_PIP:
        return [host, "-m", "pip", "--python", python, "install"]
    if _run([python, "-m", "ensurepip"], quiet=True):
        return [python, "-m", "pip", "install"]
    wheel = _pip_wheel(SYSTEM) or _fetched_pip_wheel(folder)
    # A wheel is a zip file, and Python runs a package inside one.
    return [python, str(wheel / "pip"), "install"] if wheel else []


def _pip_wheel(root: Path) -> Path | None:
    return next(root.glob(PIP_WHEELS), None)


def _fetched_pip_wheel(folder: Path) -> Path | None:
    """Return pip's wheel from the machine's own Debian archive, unpacked in the folder; nothing is installed."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        return None

    def apt(*arguments: str) -> bool:
        return _run(["apt-get", *APT_OPTIONS, *arguments], quiet=True, folder=folder)

    # The machine's package lists may be missing or out of date, and only root renews those.
    own_lists = [f"-oDir::State::Lists={folder}", f"-oDir::Cache={folder}"]
    if not apt("download", PIP_PACKAGE):
        apt(*own_lists, "update")
        apt(*own_lists, "download", PIP_PACKAGE)
    for package in folder.glob("*.deb"):
        _run(["dpkg-deb", "-x", str(package), str(folder)], quiet=True)
    return _pip_wheel(folder)


def _pip_version(python: str) -> tuple[int, ...]:
    """Return the version of the host's pip, or an empty tuple where it has none."""
    answer = subprocess.run([python, "-m", "pip", "--version"], capture_output=True, text=True)
    found = re.match(r"pip (\d+)\.(\d+)", answer.stdout)
    return (int(found[1]), int(found[2])) if found else ()


def _run(command: list[str], *, quiet: bool = False, folder: Path | None = None) -> bool:
    environ = {**os.environ, "PIP_ROOT_USER_ACTION": "ignore", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    output = subprocess.DEVNULL if quiet else None
    return subprocess.run(command, env=environ, stdout=output, stderr=output, cwd=folder).returncode == 0


def _fail(reason: str) -> NoReturn:
    sys.exit(f"error: {reason}.")
