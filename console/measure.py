"""Counters of this process for /metrics."""

import threading
from collections import Counter
from collections.abc import Iterable

from console.hooks import Metric

_lock = threading.Lock()
_requests: Counter[tuple[str, int]] = Counter()
_seconds: dict[str, float] = {}


def record_request(view: str, status: int, seconds: float) -> None:
    """Count one answered request of a view."""
    with _lock:
        _requests[view or "none", status] += 1
        _seconds[view or "none"] = _seconds.get(view or "none", 0.0) + seconds


def metrics() -> Iterable[Metric]:
    """Return the counters since this process started."""
    with _lock:
        requests, seconds = dict(_requests), dict(_seconds)
    for (view, status), count in sorted(requests.items()):
        labels = (("view", view), ("status", str(status)))
        yield Metric("flowlog_http_requests_total", count, "Answered requests.", "counter", labels)
    for view, total in sorted(seconds.items()):
        by_view = (("view", view),)
        yield Metric("flowlog_http_seconds_total", total, "Seconds spent answering.", "counter", by_view)
