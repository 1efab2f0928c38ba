"""Which network interfaces each flow log covers and at which interval they are captured, with dates.

Both follow from the flow logs that are on and the interfaces that exist; ``refresh`` writes what has changed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.db.models.signals import post_delete, post_save
from django.utils import timezone

from flowlogs import inventory
from flowlogs.bulk import Insertion
from flowlogs.models import Coverage, FlowLog, IntervalChange, NetworkInterface, Vpc
from flowlogs.windows import common_boundary, window_end, window_start

COVERING = (FlowLog.Status.ACTIVE, FlowLog.Status.MODIFYING)
NOT_CAPTURED = 0
FEW = 500
"""How many interfaces are looked at without the others."""
MOST_KINDS = 8
"""How many kinds of interfaces that are captured otherwise are noted on a flow log."""
MOST_NAMED = 20
"""How many flow logs that decide are noted of each kind."""

Pair = tuple[str, str]
"""A flow log and a network interface."""
Change = tuple[int, int]
"""From this Unix second on, windows of this many minutes."""
Kinds = dict[tuple[Change, ...], Counter[str]]
"""Of each kind of interfaces, the changes from the one in force on, for how many each flow log decides."""


def refresh(vpc: Vpc | str, now: datetime | None = None, only: Collection[str] = ()) -> bool:
    """Write coverage and interval changes of a VPC's interfaces as of ``now``; return whether any changed.

    ``only`` names interfaces that came, moved or left, where nothing else is different: the others are then not
    looked at. What is deleted, flow log or interface, has no coverage from ``now`` on and keeps what it had. Safe
    to run at any time and twice. Times are whole seconds, as deliveries count them.
    """
    vpc_id = vpc if isinstance(vpc, str) else vpc.pk
    few = only if len(only) <= FEW else ()
    instant = (now or timezone.now()).replace(microsecond=0)
    with transaction.atomic():
        # the lock makes two refreshes of one VPC run after each other
        Vpc.everything.select_for_update().filter(pk=vpc_id).first()
        here = NetworkInterface.objects.filter(_among("pk", few), vpc=vpc_id)
        interfaces = dict(here.values_list("pk", "vswitch"))
        known = list(FlowLog.objects.filter(vpc=vpc_id))
        flow_logs = [flow_log for flow_log in known if flow_log.status in COVERING]
        pairs = _pairs(flow_logs, interfaces)
        deciders = _deciders(flow_logs, pairs)
        touched = _write_coverage(vpc_id, pairs, instant, few)
        histories, rescheduled = _write_intervals(vpc_id, interfaces, deciders, instant, few)
        # what was deleted is in no inventory any more
        inventory.enis_changed((vpc_id, interfaces[eni]) for eni in rescheduled if eni in interfaces)
        kinds = _kinds(pairs, deciders, histories, ceil(instant.timestamp()))
        if not few:
            _write_captured(known, kinds)
        elif not _is_usual([each for each in known if each.pk in touched | kinds.keys()], kinds):
            # how many are captured otherwise can only be told of all
            refresh(vpc_id, now)
    return bool(touched or rescheduled)


def _among(field: str, few: Collection[str]) -> Q:
    return Q(**{f"{field}__in": list(few)}) if few else Q()


def refresh_all() -> None:
    """Refresh every VPC that has flow logs; for the sweeper."""
    for vpc_id in FlowLog.objects.order_by().values_list("vpc", flat=True).distinct():
        refresh(vpc_id)


def refresh_on_commit(vpc_id: str) -> None:
    """Refresh a VPC once when the running transaction commits, however often this is called in it."""
    job = _Refresh(vpc_id)
    connection = transaction.get_connection()
    if not any(waiting == job for _, waiting, *_ in connection.run_on_commit):
        transaction.on_commit(job)


def connect_signals() -> None:
    """Refresh the VPC of a network interface that appears, moves or leaves."""
    post_save.connect(_interface_changed, sender=NetworkInterface, dispatch_uid="coverage-save")
    post_delete.connect(_interface_changed, sender=NetworkInterface, dispatch_uid="coverage-delete")


def scheduled(history: Sequence[Change], wanted: int, now: int) -> list[Change]:
    """Return the interval changes of an interface, oldest first, once it is to be captured every ``wanted`` minutes.

    0 stands for not captured. ``now`` is a Unix second. A change of interval waits for the next boundary that
    both share, the end of capture for the end of the window, and capture begins with the window that contains
    ``now``. Changes of the past stay, unless one took effect at the very boundary that a new one is due at.
    """
    latest = history[-1][1] if history else NOT_CAPTURED
    if latest == wanted:
        return list(history)
    past = [change for change in history if change[0] <= now]
    current = past[-1][1] if past else NOT_CAPTURED
    if current == wanted:
        return past
    if not current:
        return _merged(past, _beginning(past, wanted, now))
    if not wanted:
        return _merged(past, [(window_end(window_start(now, current), current), NOT_CAPTURED)])
    return _merged(past, [(common_boundary(current, wanted, now), wanted)])


def _beginning(past: Sequence[Change], wanted: int, now: int) -> list[Change]:
    start = window_start(now, wanted)
    if not past or past[-1][0] <= start:
        return [(start, wanted)]
    # The window that contains now began before the last capture ended: go on at that interval until both fit.
    ended = past[-1][0]
    before = past[-2][1] if len(past) > 1 else NOT_CAPTURED
    if not before:
        return [(common_boundary(before, wanted, ended), wanted)]
    return [(window_start(now, before), before), (common_boundary(before, wanted, now), wanted)]


def _merged(past: Sequence[Change], new: Iterable[Change]) -> list[Change]:
    return sorted({**dict(past), **dict(new)}.items())


def _pairs(flow_logs: Sequence[FlowLog], interfaces: dict[str, str]) -> set[Pair]:
    by_vswitch: dict[str, list[str]] = defaultdict(list)
    for interface, vswitch in interfaces.items():
        by_vswitch[vswitch].append(interface)
    pairs: set[Pair] = set()
    for flow_log in flow_logs:
        if flow_log.resource_type == FlowLog.ResourceType.VPC:
            covered: Iterable[str] = interfaces
        elif flow_log.resource_type == FlowLog.ResourceType.VSWITCH:
            covered = by_vswitch[flow_log.resource_id]
        else:
            covered = {flow_log.resource_id} & interfaces.keys()
        pairs |= {(flow_log.pk, interface) for interface in covered}
    return pairs


def _write_coverage(vpc_id: str, wanted: set[Pair], now: datetime, few: Collection[str]) -> set[str]:
    """Write what begins and what ends; return the flow logs that this is about."""
    # interfaces that came from another VPC are still covered there
    here = Q(flow_log__vpc=vpc_id) | Q(network_interface__vpc=vpc_id)
    open_ones = Coverage.objects.filter(here, _among("network_interface", few), until__isnull=True)
    rows = open_ones.values_list("pk", "flow_log", "network_interface")
    present = {(flow_log, interface): pk for pk, flow_log, interface in rows}
    left = present.keys() - wanted
    ended = [present[pair] for pair in left]
    begun = wanted - present.keys()
    for at in range(0, len(ended), 500):
        Coverage.objects.filter(pk__in=ended[at : at + 500]).update(until=now)
    Insertion(
        Coverage,
        (
            Coverage(flow_log_id=flow_log, network_interface_id=interface, since=now)
            for flow_log, interface in sorted(begun)
        ),
    )()
    return {flow_log for flow_log, _ in (*left, *begun)}


def _deciders(flow_logs: Iterable[FlowLog], pairs: Iterable[Pair]) -> dict[str, FlowLog]:
    """Return of each covered interface the flow log that decides how often it is captured: the shortest interval."""
    by_id = {flow_log.pk: flow_log for flow_log in flow_logs}
    place = {
        pk: number
        for number, pk in enumerate(
            sorted(by_id, key=lambda pk: (by_id[pk].interval, by_id[pk].created_at, pk))
        )
    }
    first: dict[str, str] = {}
    for flow_log, interface in pairs:
        if interface not in first or place[flow_log] < place[first[interface]]:
            first[interface] = flow_log
    return {interface: by_id[flow_log] for interface, flow_log in first.items()}


def _write_intervals(
    vpc_id: str,
    interfaces: Iterable[str],
    deciders: Mapping[str, FlowLog],
    now: datetime,
    few: Collection[str],
) -> tuple[dict[str, list[Change]], set[str]]:
    """Write what changes; return the changes of each interface as they are then, and whose are new."""
    history: dict[str, list[Change]] = defaultdict(list)
    changes = IntervalChange.objects.filter(_among("network_interface", few), network_interface__vpc=vpc_id)
    rows = changes.order_by("since")
    for interface, since, interval in rows.values_list("network_interface", "since", "interval"):
        history[interface].append((int(since.timestamp()), interval))
    at = ceil(now.timestamp())
    # what was deleted is captured to the end of its window
    known = dict.fromkeys([*interfaces, *history])
    obsolete: list[tuple[str, int]] = []
    new: list[tuple[str, Change]] = []
    for interface in known:
        before = history[interface]
        decider = deciders.get(interface)
        after = scheduled(before, decider.interval if decider else NOT_CAPTURED, at)
        if after != before:
            obsolete += [(interface, since) for since, _ in set(before) - set(after)]
            new += [(interface, change) for change in sorted(set(after) - set(before))]
            history[interface] = after
    _delete_changes(obsolete)
    Insertion(
        IntervalChange,
        (
            IntervalChange(network_interface_id=interface, interval=interval, since=_instant(since))
            for interface, (since, interval) in new
        ),
    )()
    return history, {interface for interface, _ in (*obsolete, *new)}


def _kinds(
    pairs: Iterable[Pair],
    deciders: Mapping[str, FlowLog],
    histories: Mapping[str, Sequence[Change]],
    now: int,
) -> dict[str, Kinds]:
    """Return how many interfaces each flow log covers by kind."""
    tails = {interface: _from_now_on(histories[interface], now) for interface in deciders}
    kinds: dict[str, Kinds] = defaultdict(lambda: defaultdict(Counter))
    for flow_log_id, interface in pairs:
        kinds[flow_log_id][tails[interface]][deciders[interface].pk] += 1
    return kinds


def _write_captured(flow_logs: Iterable[FlowLog], kinds: Mapping[str, Kinds]) -> None:
    """Note on each flow log how many interfaces it covers and, by kind, those that are captured otherwise.

    Pages read it with ``scope.real_intervals``, so that they need not look at the interfaces.
    """
    changed = []
    for flow_log in flow_logs:
        found = _described(flow_log, kinds)
        if found != flow_log.captured:
            flow_log.captured = found
            changed.append(flow_log)
    FlowLog.objects.bulk_update(changed, ["captured"], batch_size=200)


def _is_usual(flow_logs: Iterable[FlowLog], kinds: Mapping[str, Kinds]) -> bool:
    """Tell whether flow logs captured everything at their interval, and still do with some more interfaces."""
    return not any(flow_log.captured or _described(flow_log, kinds) for flow_log in flow_logs)


def _from_now_on(history: Sequence[Change], now: int) -> tuple[Change, ...]:
    """Return the change in force, as of the beginning of time, and those to come."""
    past = [interval for since, interval in history if since <= now]
    return ((0, past[-1] if past else NOT_CAPTURED), *(change for change in history if change[0] > now))


def _described(flow_log: FlowLog, kinds: Mapping[str, Kinds]) -> dict[str, Any]:
    own = kinds.get(flow_log.pk, {})
    unusual = [
        [deciders.total(), *_named(deciders, flow_log.pk), [list(change) for change in tail]]
        for tail, deciders in sorted(own.items(), key=lambda kind: (-kind[1].total(), kind[0]))
        if tail != ((0, flow_log.interval),)
    ]
    enis = sum(deciders.total() for deciders in own.values())
    return {"enis": enis, "otherwise": unusual[:MOST_KINDS]} if unusual else {}


def _named(deciders: Counter[str], own: str) -> tuple[list[str], int]:
    """Return the other flow logs that decide, for most interfaces first, and how many more there are."""
    others = sorted(deciders.keys() - {own}, key=lambda pk: (-deciders[pk], pk))
    return others[:MOST_NAMED], len(others[MOST_NAMED:])


def _delete_changes(changes: Iterable[tuple[str, int]]) -> None:
    by_time: dict[int, list[str]] = defaultdict(list)
    for interface, since in changes:
        by_time[since].append(interface)
    for since, interfaces in by_time.items():
        for at in range(0, len(interfaces), 500):
            IntervalChange.objects.filter(
                since=_instant(since), network_interface__in=interfaces[at : at + 500]
            ).delete()


def _instant(at: int) -> datetime:
    return datetime.fromtimestamp(at, UTC)


@dataclass(frozen=True)
class _Refresh:
    vpc_id: str

    def __call__(self) -> None:
        refresh(self.vpc_id)


def _interface_changed(instance: NetworkInterface, **_signal: Any) -> None:
    refresh_on_commit(instance.vpc_id)
