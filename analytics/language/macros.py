"""Functions that the engine does not have, as SQL macros; a query brings only those that it uses."""

from __future__ import annotations

import re

_HEX = "'0123456789abcdef'"
_NAME = re.compile(r"\bflc_\w+", re.IGNORECASE)


def _with(name: str, value: str, body: str) -> str:
    """Return SQL that computes a value once and names it: a macro writes its arguments out at every use."""
    return f"list_transform([{value}], lambda {name}: {body})[1]"


def _compressed() -> str:
    """Return SQL that writes the longest run of zero groups of ``:a:0:0:b:`` as ``::`` (RFC 5952, section 4.2)."""
    runs = [":" + "0:" * length for length in range(7, 1, -1)]
    cases = " ".join(
        f"WHEN contains(t, '{run}') "
        f"THEN left(t, strpos(t, '{run}') - 1) || '::' || substr(t, strpos(t, '{run}') + {len(run)})"
        for run in runs
    )
    return f"regexp_replace(regexp_replace(CASE {cases} ELSE t END, '^:([^:])', '\\1'), '([^:]):$', '\\1')"


def _bounded(cut: str, filler: str) -> str:
    """Return SQL for the first or last of the addresses that share the first n bits of 32 digits."""
    digit = f"strpos({_HEX}, substr(d, n // 4 + 1, 1)) - 1"
    return (
        f"left(d, n // 4) || CASE WHEN n % 4 = 0 THEN '' ELSE substr({_HEX}, (({digit}) {cut}) + 1, 1) END "
        f"|| repeat('{filler}', 32 - (n + 3) // 4)"
    )


def _bound_text(bound: str) -> str:
    """Return SQL for the text of a bound of the block of an IPv6 address."""
    return _with("d", "flc_v6_digits(a)", _with("e", bound, "flc_v6_text(e)"))


_GROUPS = (
    "':' || array_to_string(list_transform([0, 1, 2, 3, 4, 5, 6, 7], lambda i: "
    "coalesce(nullif(ltrim(substr(d, i * 4 + 1, 4), '0'), ''), '0')), ':') || ':'"
)
_BODIES: dict[str, str] = {
    "flc_groups(t)": "CASE WHEN coalesce(t, '') = '' THEN []::VARCHAR[] ELSE string_split(t, ':') END",
    "flc_v6_groups(a)": _with(
        "p",
        "string_split(lower(a), '::')",
        _with(
            "h",
            "[flc_groups(p[1]), flc_groups(p[2])]",
            "h[1] || list_resize([]::VARCHAR[], greatest(0, 8 - len(h[1]) - len(h[2])), '0') || h[2]",
        ),
    ),
    "flc_v6_digits(a)": "array_to_string(list_transform(flc_v6_groups(a), lambda g: lpad(g, 4, '0')), '')",
    "flc_v6_text(d)": f"CASE WHEN d = repeat('0', 32) THEN '::' ELSE {_with('t', _GROUPS, _compressed())} END",
    "flc_v6_first(d, n)": _bounded("& (16 - (1 << (4 - n % 4)))", "0"),
    "flc_v6_last(d, n)": _bounded("| ((1 << (4 - n % 4)) - 1)", "f"),
    "flc_v4_number(a)": (
        "TRY_CAST(split_part(a, '.', 1) AS UBIGINT)::BIGINT * 16777216 "
        "+ TRY_CAST(split_part(a, '.', 2) AS UBIGINT)::BIGINT * 65536 "
        "+ TRY_CAST(split_part(a, '.', 3) AS UBIGINT)::BIGINT * 256 "
        "+ TRY_CAST(split_part(a, '.', 4) AS UBIGINT)::BIGINT"
    ),
    "flc_v4_text(v)": "(v >> 24) || '.' || ((v >> 16) & 255) || '.' || ((v >> 8) & 255) || '.' || (v & 255)",
    "flc_v4_size(n)": "(1::BIGINT << (32 - least(n, 32)))",
    "flc_first(a, n)": (
        f"CASE WHEN contains(a, ':') THEN {_bound_text('flc_v6_first(d, n)')} "
        "ELSE flc_v4_text(flc_v4_number(a) // flc_v4_size(n) * flc_v4_size(n)) END"
    ),
    "flc_last(a, n)": (
        f"CASE WHEN contains(a, ':') THEN {_bound_text('flc_v6_last(d, n)')} "
        "ELSE flc_v4_text(flc_v4_number(a) // flc_v4_size(n) * flc_v4_size(n) + flc_v4_size(n) - 1) END"
    ),
    "flc_ip_prefix(a, n)": (
        "flc_first(a, n) || '/' || CASE WHEN contains(a, ':') THEN n ELSE least(n, 32) END"
    ),
    "flc_length(p)": "CAST(split_part(p, '/', 2) AS INTEGER)",
    "flc_subnet_min(p)": "flc_first(split_part(p, '/', 1), flc_length(p))",
    "flc_subnet_max(p)": "flc_last(split_part(p, '/', 1), flc_length(p))",
    "flc_subnet_range(p)": "[flc_subnet_min(p), flc_subnet_max(p)]",
    "flc_is_subnet_of(p, a)": (
        "contains(p, ':') = contains(a, ':') AND flc_first(a, flc_length(p)) = flc_subnet_min(p)"
    ),
    "flc_is_prefix_subnet_of(p, q)": (
        "flc_length(q) >= flc_length(p) AND flc_is_subnet_of(p, split_part(q, '/', 1))"
    ),
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
