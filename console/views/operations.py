"""What the operator's tools ask: is it alive, is it ready, how is it doing."""

import logging
from collections.abc import Iterable

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from console import hooks, measure
from console.hooks import Health, Metric
from console.scrapers import may_scrape

log = logging.getLogger(__name__)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Answer that this process answers."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
def readyz(request: HttpRequest) -> JsonResponse:
    """Answer 200 when every check passes, else 503; the body names each check."""
    found = {name: _run(name, check) for name, check in hooks.health_checks().items()}
    ready = all(health.ok for health in found.values())
    body = {
        "ready": ready,
        "checks": {name: {"ok": health.ok, "detail": health.detail} for name, health in found.items()},
    }
    return JsonResponse(body, status=200 if ready else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with all metrics in the Prometheus text format, to those who may read them."""
    if not may_scrape(request):
        refused = "refused: see FLOWLOG_METRICS_TOKEN and FLOWLOG_METRICS_FROM in the README\n"
        return HttpResponse(refused, status=403, content_type="text/plain")
    samples = [*measure.metrics()]
    for source in hooks.metric_sources().values():
        samples.extend(source())
    return HttpResponse(_exposition(samples), content_type="text/plain; version=0.0.4; charset=utf-8")


def _run(name: str, check: hooks.HealthCheck) -> Health:
    try:
        return check()
    except Exception:
        log.exception("the readiness check %s failed", name)
        return Health(False, "the check failed; the log says why")


def _exposition(samples: Iterable[Metric]) -> str:
    lines: list[str] = []
    described: set[str] = set()
    for sample in sorted(samples, key=lambda sample: sample.name):
        if sample.name not in described:
            described.add(sample.name)
            lines += [f"# HELP {sample.name} {sample.help}", f"# TYPE {sample.name} {sample.kind}"]
        lines.append(f"{sample.name}{_labels(sample)} {sample.value:.17g}")
    return "\n".join(lines) + "\n"


def _labels(sample: Metric) -> str:
    pairs = ",".join(f'{name}="{_escape(value)}"' for name, value in sample.labels)
    return f"{{{pairs}}}" if pairs else ""


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
