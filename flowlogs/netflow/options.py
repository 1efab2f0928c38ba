"""What exporters tell of themselves in options data: when they started, and how they sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as attribute
from typing import Any, Final, NamedTuple

from . import elements as ie
from .fields import Records, field
from .plan import sampling_fields
from .sampling import RateTable, record_rates

BOOT, RATE, SELECTOR, INTERFACE = "boot", "rate", "selector", "interface"
ANY_DOMAIN: Final = -1
MOST_FACTS: Final = 4096
"""Facts that one transport session may tell; what comes beyond them is not kept."""

LATEST_BOOT_MS: Final = 1 << 42


class Fact(NamedTuple):
    """One thing that an exporter told; ``key`` is the selector or interface, 0 where there is none."""

    domain: int
    kind: str
    key: int


@dataclass(frozen=True, slots=True)
class View:
    """What is known of an exporter for one observation domain; ``boot_ms`` (Unix) is -1 where it never told."""

    boot_ms: int = -1
    rate: int = 1
    table: RateTable | None = None


@dataclass(frozen=True, slots=True)
class Options:
    """All that a transport session told, by fact; never changed, only replaced."""

    facts: Mapping[Fact, int] = attribute(default_factory=dict)

    def told(self, domain: int, records: Records) -> Options:
        """Return the options after the given options records of one domain; the same object if they add nothing."""
        news = {
            fact._replace(domain=where): value
            for fact, value in _read(domain, records).items()
            for where in (domain, ANY_DOMAIN)
        }
        if all(self.facts.get(fact) == value for fact, value in news.items()):
            return self
        facts = {**self.facts, **news}
        while len(facts) > MOST_FACTS:
            facts.popitem()
        return Options(facts)

    def view(self, domain: int) -> View:
        """Return what holds for a domain: what was told in it, else what was told in any other of the session.

        Exporters may tell options in a domain of their own. A rate of the only selector there is holds for flows
        that name none.
        """
        found: dict[tuple[str, int], int] = {}
        for where in (ANY_DOMAIN, domain):
            found.update({(f.kind, f.key): value for f, value in self.facts.items() if f.domain == where})
        selectors = {key: value for (kind, key), value in found.items() if kind == SELECTOR}
        interfaces = {key: value for (kind, key), value in found.items() if kind == INTERFACE}
        only = next(iter(selectors.values())) if len(set(selectors.values())) == 1 else 1
        return View(
            boot_ms=found.get((BOOT, 0), -1),
            rate=found.get((RATE, 0), only),
            table=RateTable(selectors, interfaces) if selectors or interfaces else None,
        )

    def to_json(self) -> list[list[Any]]:
        """Return the facts as JSON values."""
        return [[*fact, value] for fact, value in self.facts.items()]

    @classmethod
    def from_json(cls, values: list[list[Any]]) -> Options:
        """Return what ``to_json`` gave away."""
        return cls({Fact(domain, kind, key): value for domain, kind, key, value in values})


def tells_anything(names: frozenset[str]) -> bool:
    """Tell whether options records with these fields are worth reading."""
    fields = sampling_fields(names)
    return str(ie.SYSTEM_INIT) in names or fields.has_rate


def _read(domain: int, records: Records) -> dict[Fact, int]:
    """Return the facts of options records, at most ``MOST_FACTS``; of one told twice, the last."""
    names = frozenset(records.dtype.names or ())
    fields = sampling_fields(names)
    facts: dict[Fact, int] = {}
    last = records[-MOST_FACTS:]
    if str(ie.SYSTEM_INIT) in names:
        boot_ms = int(last[str(ie.SYSTEM_INIT)][-1])
        if 0 < boot_ms < LATEST_BOOT_MS:
            facts[Fact(domain, BOOT, 0)] = boot_ms
    if not fields.has_rate:
        return facts
    interface = next((name for name in (_V9_INTERFACE, str(ie.INGRESS_INTERFACE)) if name in names), "")
    kind, key = (SELECTOR, fields.selector) if fields.selector else (INTERFACE, interface)
    keys = field(last, key).tolist() if key else [0] * len(last)
    for number, rate in zip(keys, record_rates(last, fields).tolist(), strict=True):
        if rate:
            # there is no interface 0: exporters that name it mean themselves
            facts[Fact(domain, kind if number or kind == SELECTOR else RATE, number)] = rate
    return facts


_V9_INTERFACE: Final = f"s{ie.V9_SCOPE_INTERFACE}"
