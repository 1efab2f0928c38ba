"""Filters of the log."""

import logging


class WithoutReadiness(logging.Filter):
    """Drops Django's error line for a readiness answer of "not yet": probes ask every few seconds."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record stays."""
        return getattr(record, "status_code", None) != 503
