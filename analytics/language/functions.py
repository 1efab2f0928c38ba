"""The functions that a query may call; whatever is not in this table is refused.

Names, arguments and meaning are those of the Log Service (Presto).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from . import builders, times
from .builders import Build, infix, named, null_when_any_is, padded, part
from .kinds import Kind, kind_of

Returns = Kind | Callable[[Sequence[exp.Expr]], Kind]
MANY = 50


@dataclass(frozen=True, slots=True)
class Function:
    """One function: how many arguments it takes, the kind it returns, its form in the engine."""

    fewest: int
    most: int
    returns: Returns
    build: Build
    aggregates: bool = False

    def kind(self, arguments: Sequence[exp.Expr]) -> Kind:
        """Return the kind of a call with these arguments."""
        return self.returns(arguments) if callable(self.returns) else self.returns


def _first(arguments: Sequence[exp.Expr]) -> Kind:
    return kind_of(arguments[0]) if arguments else "other"


def _widest(arguments: Sequence[exp.Expr]) -> Kind:
    kinds = {kind for argument in arguments if (kind := kind_of(argument)) != "null"}
    if len(kinds) == 1:
        return kinds.pop()
    return "double" if kinds == {"long", "double"} else "other"


def _sum(arguments: Sequence[exp.Expr]) -> Kind:
    return "long" if _first(arguments) == "long" else "double"


def _aggregate(fewest: int, most: int, returns: Returns, build: Build) -> Function:
    return Function(fewest, most, returns, build, aggregates=True)


def _scalar(fewest: int, most: int, returns: Returns, build: Build) -> Function:
    return Function(fewest, most, returns, build)


_AGGREGATES: dict[str, Function] = {
    "count": _aggregate(0, 1, "long", named("count")),
    "count_if": _aggregate(1, 1, "long", named("count_if")),
    "sum": _aggregate(1, 1, _sum, named("sum")),
    "avg": _aggregate(1, 1, "double", named("avg")),
    "min": _aggregate(1, 1, _first, named("min")),
    "max": _aggregate(1, 1, _first, named("max")),
    "min_by": _aggregate(2, 2, _first, named("arg_min")),
    "max_by": _aggregate(2, 2, _first, named("arg_max")),
    "arbitrary": _aggregate(1, 1, _first, named("any_value")),
    "any_value": _aggregate(1, 1, _first, named("any_value")),
    "approx_distinct": _aggregate(1, 2, "long", builders.distinct_count),
    "approx_percentile": _aggregate(2, 2, _first, named("approx_quantile")),
    "stddev": _aggregate(1, 1, "double", named("stddev_samp")),
    "stddev_pop": _aggregate(1, 1, "double", named("stddev_pop")),
    "stddev_samp": _aggregate(1, 1, "double", named("stddev_samp")),
    "variance": _aggregate(1, 1, "double", named("var_samp")),
    "var_pop": _aggregate(1, 1, "double", named("var_pop")),
    "var_samp": _aggregate(1, 1, "double", named("var_samp")),
    "bool_and": _aggregate(1, 1, "boolean", named("bool_and")),
    "bool_or": _aggregate(1, 1, "boolean", named("bool_or")),
    "bitwise_and_agg": _aggregate(1, 1, "long", named("bit_and")),
    "bitwise_or_agg": _aggregate(1, 1, "long", named("bit_or")),
    "array_agg": _aggregate(1, 1, "array", named("array_agg")),
    "histogram": _aggregate(1, 1, "map", named("histogram")),
    "map_agg": _aggregate(2, 2, "map", named("flc_map_agg")),
}

_WINDOWS: dict[str, Function] = {
    "row_number": _scalar(0, 0, "long", named("row_number")),
    "rank": _scalar(0, 0, "long", named("rank")),
    "dense_rank": _scalar(0, 0, "long", named("dense_rank")),
    "ntile": _scalar(1, 1, "long", named("ntile")),
    "percent_rank": _scalar(0, 0, "double", named("percent_rank")),
    "cume_dist": _scalar(0, 0, "double", named("cume_dist")),
    "lag": _scalar(1, 3, _first, named("lag")),
    "lead": _scalar(1, 3, _first, named("lead")),
    "first_value": _scalar(1, 1, _first, named("first_value")),
    "last_value": _scalar(1, 1, _first, named("last_value")),
    "nth_value": _scalar(2, 2, _first, named("nth_value")),
}

_NUMBERS: dict[str, Function] = {
    "abs": _scalar(1, 1, _first, named("abs")),
    "ceil": _scalar(1, 1, _first, named("ceil")),
    "ceiling": _scalar(1, 1, _first, named("ceil")),
    "floor": _scalar(1, 1, _first, named("floor")),
    "round": _scalar(1, 2, _first, named("round")),
    "truncate": _scalar(1, 1, _first, named("trunc")),
    "sign": _scalar(1, 1, _first, named("sign")),
    "mod": _scalar(2, 2, _widest, infix(exp.Mod)),
    "sqrt": _scalar(1, 1, "double", named("sqrt")),
    "power": _scalar(2, 2, "double", named("pow")),
    "pow": _scalar(2, 2, "double", named("pow")),
    "exp": _scalar(1, 1, "double", named("exp")),
    "ln": _scalar(1, 1, "double", named("ln")),
    "log2": _scalar(1, 1, "double", named("log2")),
    "log10": _scalar(1, 1, "double", named("log10")),
    "greatest": _scalar(1, MANY, _widest, null_when_any_is("greatest")),
    "least": _scalar(1, MANY, _widest, null_when_any_is("least")),
    "coalesce": _scalar(1, MANY, _widest, builders.coalesced),
    "nullif": _scalar(2, 2, _first, named("nullif")),
    "try": _scalar(1, 1, _first, named("try")),
    "bitwise_and": _scalar(2, 2, "long", infix(exp.BitwiseAnd)),
    "bitwise_or": _scalar(2, 2, "long", infix(exp.BitwiseOr)),
    "bitwise_xor": _scalar(2, 2, "long", named("xor")),
}

_TEXTS: dict[str, Function] = {
    "concat": _scalar(1, MANY, "text", builders.concatenated),
    "length": _scalar(1, 1, "long", named("length")),
    "lower": _scalar(1, 1, "text", named("lower")),
    "upper": _scalar(1, 1, "text", named("upper")),
    "trim": _scalar(1, 1, "text", named("trim")),
    "ltrim": _scalar(1, 1, "text", named("ltrim")),
    "rtrim": _scalar(1, 1, "text", named("rtrim")),
    "reverse": _scalar(1, 1, "text", named("reverse")),
    "replace": _scalar(2, 3, "text", builders.replaced),
    "substr": _scalar(2, 3, "text", named("substr")),
    "substring": _scalar(2, 3, "text", named("substr")),
    "strpos": _scalar(2, 2, "long", named("strpos")),
    "starts_with": _scalar(2, 2, "boolean", named("starts_with")),
    "lpad": _scalar(3, 3, "text", padded("lpad")),
    "rpad": _scalar(3, 3, "text", padded("rpad")),
    "split": _scalar(2, 2, "array", named("string_split")),
    "split_part": _scalar(3, 3, "text", builders.split_part),
    "regexp_like": _scalar(2, 2, "boolean", named("regexp_matches")),
    "regexp_extract": _scalar(2, 3, "text", builders.extracted),
    "regexp_replace": _scalar(2, 3, "text", builders.pattern_replaced),
}

_COLLECTIONS: dict[str, Function] = {
    "cardinality": _scalar(1, 1, "long", builders.cardinality),
    "element_at": _scalar(2, 2, "other", builders.element),
    "contains": _scalar(2, 2, "boolean", named("list_contains")),
    "array_join": _scalar(2, 2, "text", named("array_to_string")),
    "array_distinct": _scalar(1, 1, "array", named("list_distinct")),
    "array_sort": _scalar(1, 1, "array", named("list_sort")),
    "map_keys": _scalar(1, 1, "array", named("map_keys")),
    "map_values": _scalar(1, 1, "array", named("map_values")),
}

_TIMES: dict[str, Function] = {
    "now": _scalar(0, 0, "timestamp", named("flc_now")),
    "from_unixtime": _scalar(1, 1, "timestamp", times.timestamp),
    "to_unixtime": _scalar(1, 1, "double", part("epoch")),
    "date_format": _scalar(2, 2, "text", times.formatted),
    "date_parse": _scalar(2, 2, "timestamp", times.parsed),
    "date_trunc": _scalar(2, 2, "timestamp", times.truncated),
    "date_add": _scalar(3, 3, "timestamp", times.shifted),
    "date_diff": _scalar(3, 3, "long", times.difference),
    "date": _scalar(1, 1, "date", times.date),
    "second": _scalar(1, 1, "long", part("second")),
    "minute": _scalar(1, 1, "long", part("minute")),
    "hour": _scalar(1, 1, "long", part("hour")),
    "day": _scalar(1, 1, "long", part("day")),
    "day_of_week": _scalar(1, 1, "long", part("isodow")),
    "day_of_year": _scalar(1, 1, "long", part("dayofyear")),
    "week": _scalar(1, 1, "long", part("week")),
    "month": _scalar(1, 1, "long", part("month")),
    "quarter": _scalar(1, 1, "long", part("quarter")),
    "year": _scalar(1, 1, "long", part("year")),
    "time_series": _scalar(4, 4, "long", named("time_series")),
}

_ADDRESSES: dict[str, Function] = {
    "ip_to_domain": _scalar(1, 1, "text", named("flc_ip_to_domain")),
    "ip_to_country": _scalar(1, 2, "text", builders.place),
    "ip_to_country_code": _scalar(1, 1, "text", builders.place),
    "ip_to_province": _scalar(1, 2, "text", builders.place),
    "ip_to_city": _scalar(1, 2, "text", builders.place),
    "ip_to_provider": _scalar(1, 1, "text", builders.place),
    "ip_prefix": _scalar(2, 2, "text", builders.ip_prefix),
    "ip_subnet_min": _scalar(1, 1, "text", named("flc_subnet_min")),
    "ip_subnet_max": _scalar(1, 1, "text", named("flc_subnet_max")),
    "ip_subnet_range": _scalar(1, 1, "array", named("flc_subnet_range")),
    "is_subnet_of": _scalar(2, 2, "boolean", builders.is_subnet_of),
    "is_prefix_subnet_of": _scalar(2, 2, "boolean", named("flc_is_prefix_subnet_of")),
    "security_check_ip": _scalar(1, 1, "long", named("flc_clean")),
    "security_check_domain": _scalar(1, 1, "long", named("flc_clean")),
    "security_check_url": _scalar(1, 1, "long", named("flc_clean")),
}

FUNCTIONS: dict[str, Function] = {
    **_AGGREGATES,
    **_WINDOWS,
    **_NUMBERS,
    **_TEXTS,
    **_COLLECTIONS,
    **_TIMES,
    **_ADDRESSES,
}

# Documented functions that are known to be missing, so that the message can say so.
NOT_YET = frozenset({"compare", "ts_compare", "ip_to_geo", "ip_to_city_geo", "geohash", "numeric_histogram"})
