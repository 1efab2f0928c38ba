"""What an exporter should change, judged by what its streams were seen to do; in the language of the page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext

MINUTE_MS = 60_000
CLOCK_TOLERANCE_MS = 30_000
TOLERANCE_MS = 15_000


@dataclass(frozen=True, slots=True)
class Hint:
    """One thing to change: what is wrong, what it costs, and the settings that mend it."""

    title: str
    text: str
    commands: tuple[str, ...] = ()


SHORTER_TIMEOUTS = (
    "softflowd -t maxlife=60 -t udp=15 -t tcp.fin=5 -t expint=5 …",
    "pmacct: nfprobe_timeouts: tcp=15:maxlife=60:expint=5",
    "Open vSwitch: active_timeout=60",
)


def hold_back(longest_flow_ms: int, longest_delay_ms: int, interval: int, lateness: int) -> Hint | None:
    """Judge how long an exporter holds flows back: flows longer than the interval (minutes), reports too late.

    ``lateness`` is in seconds. None where windows close with everything in them.
    """
    too_long = longest_flow_ms > interval * MINUTE_MS + TOLERANCE_MS
    too_late = longest_delay_ms > lateness * 1000 + TOLERANCE_MS
    if not too_long and not too_late:
        return None
    seconds = max(longest_flow_ms if too_long else 0, longest_delay_ms if too_late else 0) // 1000
    return Hint(
        gettext("This exporter holds flows back for up to %(duration)s") % {"duration": _duration(seconds)},
        gettext(
            "Windows of %(minutes)d min close %(seconds)d s after their end. What is reported later comes in "
            "supplements, and a flow that is reported once for many windows counts wholly in its last one. Shorten "
            "its timeouts:"
        )
        % {"minutes": interval, "seconds": lateness},
        (*SHORTER_TIMEOUTS, gettext("router: active timeout 60 s, inactive timeout 15 s")),
    )


def clock(offset_ms: int) -> Hint | None:
    """Judge the clock of an exporter: receipt minus export time, in ms."""
    if abs(offset_ms) <= CLOCK_TOLERANCE_MS:
        return None
    behind = gettext("The clock of this exporter is %(duration)s behind the collector's")
    ahead = gettext("The clock of this exporter is %(duration)s ahead of the collector's")
    return Hint(
        (behind if offset_ms > 0 else ahead) % {"duration": _duration(abs(offset_ms) // 1000)},
        gettext(
            "Its times are corrected by this offset. Set its clock with NTP, so that nothing has to be corrected."
        ),
        ("timedatectl set-ntp true",),
    )


def _duration(seconds: int) -> str:
    if seconds < 120:
        return gettext("%(count)d s") % {"count": seconds}
    if seconds < 7200:
        return gettext("%(count)d min") % {"count": seconds // 60}
    return gettext("%(count)d h") % {"count": seconds // 3600}
