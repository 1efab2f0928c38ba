"""Functions that the engine does not have, as SQL macros; a query brings only those that it uses."""

from __future__ import annotations

import re

_HEX = "'0123456789abcdef'"
_NAME = re.compile(r"\bflc_\w+", re.IGNORECASE)


def _once(name: str, value: str, body: str) -> str:
    """Return SQL that computes a value once and names it: a macro writes its arguments out at every use.

    To be nested with care: the engine binds the body twice, so four times at the second level.
    """
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def _compressed() -> str:
    """Return SQL that writes the longest run of zero groups of ``:a:0:0:b:`` as ``::`` (RFC 5952, section 4.2)."""
    cases = " ".join(
        f"WHEN contains(t, ':{'0:' * length}') THEN regexp_replace(t, ':(0:){{{length}}}', '::')"
        for length in range(7, 1, -1)
    )
    return f"regexp_replace(regexp_replace(CASE {cases} ELSE t END, '^:([^:])', '\\1'), '([^:]):$', '\\1')"


def _cut(operation: str, filler: str) -> str:
    """Return SQL for the first or last of the addresses that share the first n bits of 32 digits."""
    digit = f"strpos({_HEX}, substr(d, n // 4 + 1, 1)) - 1"
    return (
        f"left(d, n // 4) || CASE WHEN n % 4 = 0 THEN '' ELSE substr({_HEX}, (({digit}) {operation}) + 1, 1) END "
        f"|| repeat('{filler}', 32 - (n + 3) // 4)"
    )


_BODIES: dict[str, str] = {
    # "::" stands for as many zero groups as eight lack: as many as there are colons less than eight.
    "flc_v6_groups(a)": (
        "replace(a, '::', ':' || repeat('0:', 8 - length(a) + length(replace(a, ':', ''))))"
    ),
    "flc_v6_digits(a)": (
        "regexp_replace(replace(':' || flc_v6_groups(lower(a)), ':', ':0000'), "
        "':[0-9a-f]*([0-9a-f]{4})', '\\1', 'g')"
    ),
    "flc_v6_colons(d)": (
        "regexp_replace(regexp_replace(d, '(.{4})', ':\\1', 'g'), ':0{1,3}([0-9a-f])', ':\\1', 'g') || ':'"
    ),
    "flc_v6_text(d)": (
        f"CASE WHEN d = repeat('0', 32) THEN '::' ELSE {_once('t', 'flc_v6_colons(d)', _compressed())} END"
    ),
    "flc_v6_first(d, n)": _cut("& (16 - (1 << (4 - n % 4)))", "0"),
    "flc_v6_last(d, n)": _cut("| ((1 << (4 - n % 4)) - 1)", "f"),
    "flc_v4_number(a)": (
        "TRY_CAST(split_part(a, '.', 1) AS UBIGINT)::BIGINT * 16777216 "
        "+ TRY_CAST(split_part(a, '.', 2) AS UBIGINT)::BIGINT * 65536 "
        "+ TRY_CAST(split_part(a, '.', 3) AS UBIGINT)::BIGINT * 256 "
        "+ TRY_CAST(split_part(a, '.', 4) AS UBIGINT)::BIGINT"
    ),
    "flc_v4_text(v)": "(v >> 24) || '.' || ((v >> 16) & 255) || '.' || ((v >> 8) & 255) || '.' || (v & 255)",
    "flc_v4_size(n)": "(1::BIGINT << (32 - least(n, 32)))",
    "flc_first(a, n)": (
        "CASE WHEN contains(a, ':') THEN flc_v6_text(flc_v6_first(flc_v6_digits(a), n)) "
        "ELSE flc_v4_text(flc_v4_number(a) // flc_v4_size(n) * flc_v4_size(n)) END"
    ),
    "flc_last(a, n)": (
        "CASE WHEN contains(a, ':') THEN flc_v6_text(flc_v6_last(flc_v6_digits(a), n)) "
        "ELSE flc_v4_text(flc_v4_number(a) // flc_v4_size(n) * flc_v4_size(n) + flc_v4_size(n) - 1) END"
    ),
    "flc_ip_prefix(a, n)": (
        "flc_first(a, n) || '/' || CASE WHEN contains(a, ':') THEN n ELSE least(n, 32) END"
    ),
    "flc_length(p)": "CAST(split_part(p, '/', 2) AS INTEGER)",
    "flc_subnet_min(p)": "flc_first(split_part(p, '/', 1), flc_length(p))",
    "flc_subnet_max(p)": "flc_last(split_part(p, '/', 1), flc_length(p))",
    "flc_subnet_range(p)": _once("w", "p", "[flc_subnet_min(w), flc_subnet_max(w)]"),
    "flc_is_subnet_of(p, a)": _once(
        "w",
        "p",
        "contains(w, ':') = contains(a, ':') AND flc_first(a, flc_length(w)) = flc_subnet_min(w)",
    ),
    "flc_is_prefix_subnet_of(p, q)": "flc_length(q) >= flc_length(p) AND flc_is_subnet_of(p, split_part(q, '/', 1))",
    # Private, shared, loopback and link-local space: RFC 1918, 6598, 1122, 3927, 4193 and 4291.
    "flc_is_intranet(a)": (
        "CASE WHEN contains(a, ':') THEN regexp_matches(lower(a), '^(f[cd]|fe[89ab])') OR a = '::1' "
        "ELSE a LIKE '10.%' OR a LIKE '192.168.%' OR a LIKE '127.%' OR a LIKE '169.254.%' "
        "OR regexp_matches(a, '^172\\.(1[6-9]|2[0-9]|3[01])\\.') "
        "OR regexp_matches(a, '^100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\\.') END"
    ),
    "flc_ip_to_domain(a)": (
        "CASE WHEN flc_is_intranet(a) THEN 'intranet' WHEN contains(a, '.') OR contains(a, ':') THEN 'internet' "
        "WHEN a IS NOT NULL THEN 'invalid' END"
    ),
    "flc_place(a)": "CASE WHEN flc_is_intranet(a) THEN 'intranet' END",
    "flc_clean(a)": "CASE WHEN a IS NOT NULL THEN 0 END",
    "flc_timestamp(s)": "make_timestamp(CAST(s AS BIGINT) * 1000000)",
    "flc_fine_timestamp(s)": "make_timestamp(CAST(round(s * 1000000) AS BIGINT))",
    "flc_map_agg(k, v)": "flc_paired(list(k) FILTER (WHERE k IS NOT NULL), list(v) FILTER (WHERE k IS NOT NULL))",
    "flc_paired(k, v)": (
        "map(list_distinct(k), list_transform(list_distinct(k), lambda x: list_extract(v, list_position(k, x))))"
    ),
}
_BY_NAME = {head.partition("(")[0]: (head, body) for head, body in _BODIES.items()}


def macros_of(*texts: str) -> tuple[str, ...]:
    """Return the CREATE MACRO statements that SQL texts need, in an order that works."""
    needed: dict[str, str] = {}
    for text in texts:
        for name in dict.fromkeys(match.lower() for match in _NAME.findall(text)):
            if name in _BY_NAME and name not in needed:
                head, body = _BY_NAME[name]
                for statement in macros_of(body):
                    needed.setdefault(statement.split("(", 1)[0].split()[-1], statement)
                needed[name] = f"CREATE MACRO {head} AS ({body})"
    return tuple(needed.values())
