"""Filters of the log."""

import logging


class WithoutReadiness(logging.Filter):
    """Drops Django's error line for a readiness answer of "not yet": probes ask every few seconds."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Tell whether the record stays."""
        return getattr(record, "status_code", None) != 503


class OneLineRefusals(logging.Filter):
    """Leaves the traceback out where the request was at fault (4xx): it would tell nothing about the program."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Shorten the record; it always stays."""
        if 400 <= getattr(record, "status_code", 0) < 500:
            record.exc_info = record.exc_text = None
        return True
