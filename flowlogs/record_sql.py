"""How a record is written from what was aggregated: one engine expression for each field of the field table."""

from __future__ import annotations

from .record import TIME


def _ok(expression: str) -> str:
    return f"CASE WHEN status = 'OK' THEN {expression} END"


RECORD: dict[str, str] = {
    "version": "1::BIGINT",
    "account-id": "account",
    "eni-id": "id",
    "vm-id": _ok("nullif(vm, '')"),
    "vswitch-id": _ok("vswitch"),
    "vpc-id": _ok("vpc"),
    "type": "CASE family WHEN 4 THEN 'IPv4' WHEN 6 THEN 'IPv6' END",
    "protocol": "protocol::BIGINT",
    "srcaddr": "address_text(family, src_hi, src_lo)",
    "srcport": "srcport::BIGINT",
    "dstaddr": "address_text(family, dst_hi, dst_lo)",
    "dstport": "dstport::BIGINT",
    "direction": "CASE direction WHEN 0 THEN 'in' WHEN 1 THEN 'out' END",
    "action": "CASE action WHEN 1 THEN 'ACCEPT' WHEN 0 THEN 'REJECT' END",
    "packets": "packets::BIGINT",
    "bytes": "bytes::BIGINT",
    "start": '"start"::BIGINT',
    "end": '"end"::BIGINT',
    "tcp-flags": "tcp_flags::BIGINT",
    "log-status": "status",
    "traffic_path": "path::BIGINT",
    TIME: '"start"::BIGINT',
}
"""Field name → expression over the aggregated columns, the interface's columns and ``status``."""


def _ip_macro() -> str:
    """Return the macro that prints an address: dotted, or IPv6 as RFC 5952 wants it.

    RFC 5952, section 4.2: the longest run of two or more zero groups becomes ``::``, the first of equal ones.
    """
    four = " || '.' || ".join(f"((lo >> {shift}) & 255)::VARCHAR" for shift in (24, 16, 8, 0))
    groups = [
        f"printf('%x', (({half} >> {shift}) & 65535)::INTEGER)"
        for half in ("hi", "lo")
        for shift in (48, 32, 16, 0)
    ]
    six = f"concat_ws(':', {', '.join(groups)})"
    cases = " ".join(
        f"WHEN regexp_matches(six, '(^|:)0(:0){{{run - 1}}}(:|$)') "
        f"THEN regexp_replace(six, '(^|:)0(:0){{{run - 1}}}(:|$)', '::')"
        for run in range(8, 1, -1)
    )
    compressed = f"list_transform([{six}], lambda six: CASE {cases} ELSE six END)[1]"
    return f"CREATE MACRO address_text(family, hi, lo) AS CASE family WHEN 4 THEN {four} WHEN 6 THEN {compressed} END"


IP_MACRO = _ip_macro()
