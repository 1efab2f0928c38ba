"""The inventory that attribution works under: versions with dates, written when the network changes.

A version is the list of its parts (see ``flowlogs.inventory_parts``). What changes a part leaves a mark in its own
transaction; once that is committed, the marked parts are read and a version is written in which they are replaced.
"""

from __future__ import annotations

import json
import threading
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from hashlib import blake2b, sha256
from typing import Any

from django.db import connection, transaction
from django.db.models import Q
from django.utils import timezone

from . import inventory_reading as reading
from .inventory_parts import ENIS, EXPORTERS, NETWORK, enis_key, network_key, whole
from .models import Collector, InventoryMark, InventoryPart, InventoryVersion, VSwitch

CHUNK = 500
LOCK = 0x466C6F77
"""The number of the lock, among those of the database, that those who write versions take turns by."""

Digests = dict[str, str]
"""The digest of each part by name."""

_recording = threading.Lock()
_held = threading.local()


def network_changed(vpc_ids: Iterable[str]) -> None:
    """Note that CIDR blocks, routes, security groups or network ACLs of VPCs change in the running transaction."""
    _mark(map(network_key, vpc_ids))


def enis_changed(places: Iterable[tuple[str, str]]) -> None:
    """Note that network interfaces change in the running transaction; places are pairs of VPC and vSwitch."""
    _mark(enis_key(*place) for place in places)


def all_enis_changed(vpc_id: str) -> None:
    """Note that any network interfaces of a VPC may change in the running transaction."""
    if is_noted(everything := enis_key(vpc_id, "")):
        return
    vswitches = VSwitch.everything.filter(vpc=vpc_id).order_by().values_list("pk", flat=True)
    _mark((enis_key(vpc_id, vswitch) for vswitch in vswitches), everything)


def exporters_changed() -> None:
    """Note that exporters, or what they are bound to, change in the running transaction."""
    _mark([EXPORTERS])


class _Noted:
    """Remembers what is marked, for as long as the savepoint that did it is not undone."""

    def __init__(self, names: frozenset[str]) -> None:
        self.names = names

    def __call__(self) -> None:
        """Do nothing once it is committed."""


def is_noted(name: str) -> bool:
    """Tell whether the running transaction has noted something."""
    return any(isinstance(each, _Noted) and name in each.names for _, each, *_ in connection.run_on_commit)


def note(*names: str) -> None:
    """Let ``is_noted`` remember something to the end of the running transaction."""
    if connection.in_atomic_block:
        transaction.on_commit(_Noted(frozenset(names)))


def _forget_notes() -> None:
    """Let what the running transaction changes from here on be marked again: the marks there were have gone."""
    waiting = connection.run_on_commit
    waiting[:] = [each for each in waiting if not isinstance(each[1], _Noted)]


def _mark(keys: Iterable[str], *names: str) -> None:
    """Mark parts, each once, and write a version when the running transaction commits."""
    note(*names)
    marked = sorted(key for key in set(keys) if not is_noted(key))
    if not marked:
        return
    InventoryMark.objects.bulk_create([InventoryMark(key=key) for key in marked], batch_size=CHUNK)
    if not connection.in_atomic_block:
        _record_on_commit()
        return
    note(*marked)
    if not any(function is _record_on_commit for _, function, *_ in connection.run_on_commit):
        transaction.on_commit(_record_on_commit)


def _record_on_commit() -> None:
    if getattr(_held, "back", False):
        return
    # who waits here finds what was marked meanwhile recorded, or records it for all who wait
    with _recording:
        record_marked()


@contextmanager
def recorded_once() -> Iterator[None]:
    """Write one version for all transactions that this thread commits meanwhile, at the end."""
    _held.back = True
    try:
        yield
    finally:
        _held.back = False
        _record_on_commit()


def record(since: datetime | None = None) -> InventoryVersion:
    """Store the present inventory, read anew, as the version in force from ``since`` (default now) on."""
    _mark_all(_milliseconds(since))
    return _record(since) or in_force(_milliseconds(since))


def record_marked() -> InventoryVersion | None:
    """Store a version in force from now on in which all marked parts are read anew, if any are.

    What a process that died after its commit has left marked is recorded as well.
    """
    if not InventoryMark.objects.exists():
        return None
    instant = _milliseconds()
    base, later = _versions_from(instant)
    if not all(version.parts for version in (base, *later) if version) or not (base or later):
        # there is nothing yet whose parts could be replaced
        _mark_all(instant)
    return _record(None)


def _mark_all(instant: int) -> None:
    base, later = _versions_from(instant)
    keys = {key for version in (base, *later) for key in digests_of(version)}
    keys |= {EXPORTERS, *map(network_key, reading.vpc_ids())}
    keys |= {enis_key(*place) for place in reading.places()}
    InventoryMark.objects.bulk_create([InventoryMark(key=key) for key in sorted(keys)], batch_size=CHUNK)


def _record(since: datetime | None) -> InventoryVersion | None:
    """Read the marked parts and write a version of them; return the one that is in force then."""
    version = None
    while True:
        # before what is there is looked at: of two at the same time, the one that saw more counts as the later one
        instant = _milliseconds(since)
        marks: dict[str, list[int]] = defaultdict(list)
        for mark, key in InventoryMark.objects.values_list("pk", "key"):
            marks[key].append(mark)
        if not marks:
            return version
        found = _look(marks)
        with transaction.atomic():
            _take_turns()
            left = set(InventoryMark.objects.values_list("pk", flat=True))
            # where a mark has gone meanwhile, somebody else has looked at the part after it was made
            mine = [key for key, seen in marks.items() if left.issuperset(seen)]
            for ids in _chunks([mark for key in mine for mark in marks[key]]):
                InventoryMark.objects.filter(pk__in=ids).delete()
            _forget_notes()
            version = _write(instant, {key: found.get(key) for key in mine})
        if len(mine) == len(marks):
            return version


def _look(keys: Iterable[str]) -> dict[str, bytes]:
    """Return parts by name as they are now, as JSON; what is no longer there is left out."""
    wanted = set(keys)
    vpc_ids = {key.removeprefix(NETWORK) for key in wanted if key.startswith(NETWORK)}
    vswitch_ids = {key.rpartition("/")[2] for key in wanted if key.startswith(ENIS)}
    found: dict[str, Any] = {}
    if vpc_ids:
        found |= reading.networks(vpc_ids)
    if vswitch_ids:
        found |= reading.interfaces(vswitch_ids)
    if EXPORTERS in wanted:
        found[EXPORTERS] = reading.exporters()
    return {key: _json(part) for key, part in found.items() if key in wanted}


def _write(instant: int, changes: Mapping[str, bytes | None]) -> InventoryVersion | None:
    """Replace parts in the version in force at an instant, and in those that count from later instants on.

    Returns the version in force at the instant. Nothing is written where nothing differs.
    """
    digests = {
        key: blake2b(part, digest_size=16).hexdigest() for key, part in changes.items() if part is not None
    }
    base, later = _versions_from(instant)
    begun = [(instant, base or next(iter(later), None), base is None)]
    found = []
    for since, version, is_first in [*begun, *((each.since, each, False) for each in later)]:
        known = digests_of(version)
        kept = {key: digest for key, digest in known.items() if key not in changes}
        wanted = dict(sorted({**kept, **digests}.items()))
        if version is None or is_first or not version.parts or wanted != known:
            version = _add(since, wanted)
        found.append(version)
    _store({digests[key]: part for key, part in changes.items() if part is not None})
    return found[0]


def _add(since: int, digests: Digests) -> InventoryVersion:
    packed = _json(digests)
    digest = sha256(packed).hexdigest()
    return InventoryVersion.objects.create(since=since, parts=zlib.compress(packed, 1), digest=digest)


def _store(parts: Mapping[str, bytes]) -> None:
    """Keep parts by their digest."""
    for digests in _chunks(sorted(parts)):
        present = InventoryPart.objects.filter(digest__in=digests)
        known = dict(present.values_list("digest", "replaced"))
        if any(replaced is not None for replaced in known.values()):
            present.update(replaced=None)
        InventoryPart.objects.bulk_create(
            InventoryPart(digest=digest, content=zlib.compress(parts[digest], 1))
            for digest in digests
            if digest not in known
        )


def _take_turns() -> None:
    """Wait, in a transaction, until no other process writes versions; SQLite lets only one write anyway."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _versions_from(instant: int) -> tuple[InventoryVersion | None, list[InventoryVersion]]:
    """Return the version in force at an instant (Unix ms) and those that follow; of one ``since`` the last counts."""
    versions = InventoryVersion.objects.defer("content")
    base = versions.filter(since__lte=instant).order_by("-since", "-id").first()
    later = {each.since: each for each in versions.filter(since__gt=instant).order_by("since", "id")}
    return base, list(later.values())


def versions_from(instant: int) -> list[InventoryVersion]:
    """Return the versions in force from an instant (Unix ms) on, oldest first."""
    base, later = _versions_from(instant)
    return [*([base] if base else []), *later] or [record()]


def in_force(at_ms: int) -> InventoryVersion:
    """Return the version in force at an instant (Unix ms); before the first one, the first one."""
    versions = InventoryVersion.objects.defer("content").order_by("-since", "-id")
    found = versions.filter(since__lte=at_ms).first() or versions.order_by("since", "-id").first()
    return found if found is not None else record()


def digests_of(version: InventoryVersion | None) -> Digests:
    """Return the digest of each part of a version by name; those of earlier releases have none."""
    found: Digests = (
        json.loads(zlib.decompress(version.parts)) if version is not None and version.parts else {}
    )
    return found


def interfaces_of(version: InventoryVersion | None) -> dict[str, tuple[str, ...]]:
    """Return by VPC the digests of the parts of a version that have its network interfaces."""
    found: dict[str, tuple[str, ...]] = {}
    for key, digest in sorted(digests_of(version).items()):
        if key.startswith(ENIS):
            vpc = key.removeprefix(ENIS).partition("/")[0]
            found[vpc] = (*found.get(vpc, ()), digest)
    return found


def packed_parts(digests: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Yield digest and content (zlib JSON) of parts."""
    for chunk in _chunks(sorted(set(digests))):
        for digest, content in InventoryPart.objects.filter(digest__in=chunk).values_list(
            "digest", "content"
        ):
            yield digest, bytes(content)


def observers(version: InventoryVersion, places: Mapping[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the exporters that observed network interfaces in a version, as pairs of exporter and interface.

    ``places`` are the VPC and the vSwitch of each interface. Only their parts are read.
    """
    if not version.parts:
        found = load(version)
        numbers = {number: eni["id"] for number, eni in enumerate(found["enis"]) if eni["id"] in places}
        return [
            (exporter["id"], numbers[number])
            for exporter in found["exporters"]
            for number in sorted(numbers.keys() & set(exporter["enis"]))
        ]
    wanted = {EXPORTERS, *(enis_key(*place) for place in places.values())}
    parts = _parts({key: digest for key, digest in digests_of(version).items() if key in wanted})
    there = {eni for key, part in parts.items() if key != EXPORTERS for eni in part["ids"]}
    scopes = {
        eni: {("vpc", vpc), ("vswitch", vswitch), ("eni", eni)}
        for eni, (vpc, vswitch) in places.items()
        if eni in there
    }
    bindings = parts.get(EXPORTERS, {}).get("bindings", ())
    pairs = (
        (exporter, eni) for exporter, *scope in bindings for eni in scopes if tuple(scope) in scopes[eni]
    )
    return sorted(set(pairs))


def load(version: InventoryVersion) -> dict[str, Any]:
    """Return the content of a version as plain data."""
    if not version.parts:
        # of an earlier release
        unpacked: dict[str, Any] = json.loads(zlib.decompress(version.content))
        return unpacked
    return whole(_parts(digests_of(version)))


def _parts(digests: Digests) -> dict[str, Any]:
    """Return parts as plain data by name."""
    packed = dict(packed_parts(digests.values()))
    return {key: json.loads(zlib.decompress(packed[digest])) for key, digest in digests.items()}


def content() -> dict[str, Any]:
    """Return the present inventory as plain data, as ``flowlogs.inventory_tables.compile_inventory`` takes it."""
    return whole({**reading.networks(), **reading.interfaces(), EXPORTERS: reading.exporters()})


def prune() -> int:
    """Forget versions that no datagram can fall under any more, and their parts; return how many versions."""
    needed = [timezone.now() - reading.KEPT, *_decoded_through()]
    oldest = in_force(int(min(needed).timestamp() * 1000))
    before = Q(since__lt=oldest.since) | Q(since=oldest.since, id__lt=oldest.pk)
    with transaction.atomic():
        _take_turns()
        removed = InventoryVersion.objects.filter(before).delete()[0]
        newest = InventoryVersion.objects.order_by("since", "id").defer("content").last()
        current = set(digests_of(newest).values())
        held = InventoryPart.objects.filter(replaced__isnull=True).values_list("digest", flat=True)
        for digests in _chunks([digest for digest in held if digest not in current]):
            # the versions there are do not have it from then on; until then they may
            since = newest.since if newest is not None else 0
            InventoryPart.objects.filter(digest__in=digests).update(replaced=since)
        InventoryPart.objects.filter(replaced__lte=oldest.since).delete()
    return removed


def _decoded_through() -> list[datetime]:
    rows = Collector.objects.filter(retired_at__isnull=True).values_list("decoded_through", flat=True)
    return [datetime.fromtimestamp(through / 1000, UTC) for through in rows]


def _milliseconds(at: datetime | None = None) -> int:
    return int((at or timezone.now()).timestamp() * 1000)


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _chunks(items: list[Any]) -> Iterator[list[Any]]:
    for at in range(0, len(items), CHUNK):
        yield items[at : at + CHUNK]
