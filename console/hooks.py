"""Where the apps tell the shell what they bring: navigation, search, health checks, periodic tasks, metrics.

The shell knows no app by name; each calls these functions in its AppConfig.ready(). Registering the
same name again replaces it, so ready() may run twice.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from celery.schedules import schedule

if TYPE_CHECKING:
    from console.models import Account

CONTROL_QUEUE = "control"
SHORTEST_EXPIRY = 5.0  # seconds


@dataclass(frozen=True)
class NavItem:
    """One line of the left navigation. `action` is the permission that shows it; empty shows it to everyone."""

    section: Any
    label: Any
    url_name: str
    order: int = 0
    action: str = ""


@dataclass(frozen=True)
class Health:
    """What a health check found."""

    ok: bool
    detail: str = ""


@dataclass(frozen=True)
class Metric:
    """One sample of a metric, in the words of the Prometheus text format."""

    name: str
    value: float
    help: str = ""
    kind: str = "gauge"
    labels: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Found:
    """Something that a search of identifiers, names and addresses found.

    `kind` is what it is, in words, and `mark` what is to be known of it. `more` is the address of the list of its
    kind in its region that is narrowed to the text, where there is one.
    """

    kind: Any
    name: str
    id: str
    url: str
    detail: str = ""
    mark: Any = ""
    region: str = ""
    more: str = ""


HealthCheck = Callable[[], Health]
SearchSource = Callable[[Any, str, int], Iterable[Found]]
MetricSource = Callable[[], Iterable[Metric]]
DependentsSource = Callable[["Account"], Iterable[str]]

_nav: dict[str, NavItem] = {}
_search: dict[str, SearchSource] = {}
_health: dict[str, HealthCheck] = {}
_metrics: dict[str, MetricSource] = {}
_shutdown: dict[str, Callable[[], None]] = {}
_dependents: dict[str, DependentsSource] = {}
_schedule: dict[str, dict[str, object]] = {}


def register_nav(item: NavItem) -> None:
    """Add a line to the left navigation; its URL takes the region."""
    _nav[item.url_name] = item


def nav_items() -> list[NavItem]:
    """Return the navigation in its order; a section stands where its first item does."""
    return sorted(_nav.values(), key=lambda item: (item.order, str(item.label)))


def register_search(name: str, source: SearchSource) -> None:
    """Add a source of search results: it takes the request, the text and how many of a kind to return at most.

    It returns only what the user may see, in a fixed number of queries.
    """
    _search[name] = source


def search(request: Any, text: str, limit: int) -> list[Found]:
    """Return what the apps find for a text."""
    return [found for source in _search.values() for found in source(request, text, limit)]


def register_health(name: str, check: HealthCheck) -> None:
    """Add a readiness check. It must be quick and may touch the database."""
    _health[name] = check


def health_checks() -> dict[str, HealthCheck]:
    """Return the readiness checks by name."""
    return dict(_health)


def register_metrics(name: str, source: MetricSource) -> None:
    """Add a source of metrics, asked at each scrape of /metrics."""
    _metrics[name] = source


def metric_sources() -> dict[str, MetricSource]:
    """Return the sources of metrics by name."""
    return dict(_metrics)


def register_periodic(name: str, task: str, *, every: float) -> None:
    """Have beat send the task of that name every so many seconds. The task must be safe to run twice.

    It should be short: it finds out what is due and leaves the work to other tasks. One that could not
    begin before the next are due is dropped.
    """
    options = {"expires": max(every, SHORTEST_EXPIRY), "queue": CONTROL_QUEUE}
    _schedule[name] = {"task": task, "schedule": schedule(every), "options": options}


def periodic_tasks() -> dict[str, dict[str, object]]:
    """Return the schedule for beat."""
    return dict(_schedule)


def register_shutdown(name: str, action: Callable[[], None]) -> None:
    """Add what `up` does when it stops: quick, and safe while tasks still run."""
    _shutdown[name] = action


def shutdown_actions() -> dict[str, Callable[[], None]]:
    """Return what is to be done when `up` stops, by name."""
    return dict(_shutdown)


def register_dependents(name: str, source: DependentsSource) -> None:
    """Add a source of what stops when an account revokes the authorization of delivery."""
    _dependents[name] = source


def dependents(account: "Account") -> list[str]:
    """Return what stops when the account revokes delivery, in sentences."""
    return [sentence for source in _dependents.values() for sentence in source(account)]
