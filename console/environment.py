"""Read settings out of the environment: a name that is not set takes its default, a wrong value stops the start."""

import importlib
import os
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off", ""}
ENGINES = {
    "sqlite": "django.db.backends.sqlite3",
    "postgres": "django.db.backends.postgresql",
    "postgresql": "django.db.backends.postgresql",
}


def text(name: str, default: str = "") -> str:
    """Return a setting as it is written, without surrounding space."""
    return os.environ.get(name, default).strip()


def flag(name: str, *, default: bool = False) -> bool:
    """Return a yes-or-no setting; anything but 1/0, true/false, yes/no, on/off is refused."""
    value = text(name, "1" if default else "0").lower()
    if value in TRUE:
        return True
    if value in FALSE:
        return False
    raise ImproperlyConfigured(f"{name} must be 1 or 0, not {value!r}")


def number(name: str, default: int, *, least: int, most: int) -> int:
    """Return a whole number between `least` and `most`, both included."""
    value = text(name, str(default))
    try:
        result = int(value)
    except ValueError:
        raise ImproperlyConfigured(f"{name} must be a whole number, not {value!r}") from None
    if not least <= result <= most:
        raise ImproperlyConfigured(f"{name} must be from {least} to {most}, not {result}")
    return result


def choice(name: str, default: str, allowed: set[str]) -> str:
    """Return one of the allowed words, in upper case."""
    value = text(name, default).upper()
    if value not in allowed:
        raise ImproperlyConfigured(f"{name} must be one of {', '.join(sorted(allowed))}, not {value!r}")
    return value


def words(name: str, default: str = "") -> list[str]:
    """Return a comma-separated setting as a list without empty members."""
    return [word.strip() for word in text(name, default).split(",") if word.strip()]


def secret(name: str, *, least: int) -> str:
    """Return a secret of `least` or more printable ASCII characters without spaces, or an empty text.

    What is wrong is told without it.
    """
    value = text(name)
    if value and (len(value) < least or not all("!" <= letter <= "~" for letter in value)):
        raise ImproperlyConfigured(f"{name} must have at least {least} ASCII characters and no space")
    return value


def networks(name: str, default: str) -> list[IPv4Network | IPv6Network]:
    """Return a comma-separated setting of IP addresses and CIDR blocks, such as 10.0.0.0/8,::1."""
    found = []
    for word in words(name, default):
        try:
            found.append(ip_network(word))
        except ValueError:
            raise ImproperlyConfigured(
                f"{name} must hold IP addresses and CIDR blocks such as 10.0.0.0/8, not {word!r}"
            ) from None
    return found


def folder(name: str, default: Path) -> Path:
    """Return an absolute path; nothing is created here."""
    return Path(text(name) or default).expanduser().absolute()


def database(name: str, default: str) -> dict[str, object]:
    """Return Django's description of the database behind a URL: sqlite:///path or postgresql://user:password@host/name."""
    parts = _url(name, text(name, default) or default)
    if parts.scheme not in ENGINES:
        raise ImproperlyConfigured(
            f"{name} must start with sqlite:/// or postgresql://, not {parts.scheme!r}"
        )
    if parts.scheme == "sqlite":
        return {"ENGINE": ENGINES["sqlite"], "NAME": _sqlite_path(name, parts.path)}
    if not parts.path.lstrip("/"):
        raise ImproperlyConfigured(f"{name} names no database: postgresql://user:password@host/name")
    _need_psycopg(name)
    return {
        "ENGINE": ENGINES[parts.scheme],
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": parts.hostname or "",
        "PORT": str(parts.port or ""),
        "OPTIONS": dict(parse_qsl(parts.query)),
    }


def _sqlite_path(name: str, path: str) -> str:
    """Return the file of sqlite:///relative or sqlite:////absolute."""
    if len(path) < 2:
        raise ImproperlyConfigured(f"{name} names no file")
    file = Path(unquote(path[1:]))
    if not file.parent.is_dir():
        raise ImproperlyConfigured(f"{name} is in the folder {file.parent}, which does not exist")
    if file.is_dir():
        raise ImproperlyConfigured(f"{name} names the folder {file}, not a file")
    return str(file)


def _need_psycopg(name: str) -> None:
    """Import the driver now: without it Django fails much later and with a page of text."""
    try:
        importlib.import_module("psycopg")
    except ImportError:
        raise ImproperlyConfigured(
            f"{name} is for PostgreSQL, which needs psycopg: pip install 'psycopg[binary]'"
        ) from None


def redis(name: str) -> str:
    """Return redis://host or rediss://host as it is written, or an empty text."""
    url = text(name)
    if not url:
        return ""
    parts = _url(name, url)
    if parts.scheme not in ("redis", "rediss"):
        raise ImproperlyConfigured(f"{name} must start with redis:// or rediss://, not {parts.scheme!r}")
    if not parts.hostname:
        raise ImproperlyConfigured(f"{name} names no host: {parts.scheme}://host:6379/0")
    return url


def origins(name: str) -> list[str]:
    """Return a comma-separated setting of web origins, such as https://flowlog.example.org."""
    found = words(name)
    for origin in found:
        parts = _url(name, origin)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise ImproperlyConfigured(
                f"{name} must hold origins that begin with http:// or https://, not {origin!r}"
            )
    return found


def _url(name: str, url: str) -> SplitResult:
    """Take a URL apart. What is wrong is told without the URL, which may hold a password."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - reading it is the check
    except ValueError as error:
        reason = "the port must be from 0 to 65535" if "ort" in str(error) else "the host is not well-formed"
        raise ImproperlyConfigured(f"{name} is no URL: {reason}") from None
    return parts


def unknown(environ: Mapping[str, str], names: set[str]) -> list[str]:
    """Return the names that start like ours but that nothing reads: a typing mistake in a deployment."""
    return sorted(name for name in environ if name.startswith("FLOWLOG_") and name not in names)
