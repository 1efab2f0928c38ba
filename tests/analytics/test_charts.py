"""Figures: what Plotly takes, what people read, and what a chart must never say by colour alone."""

import json
from datetime import UTC, date, datetime

import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.charts import (
    KINDS,
    Span,
    Spec,
    Tile,
    draw,
    human,
    last_complete,
    last_complete_of,
    paint,
    styles,
    suggest,
    tabulate,
    tiles,
)

T0 = 1_700_000_400  # a multiple of 300
OVER_TIME = ["time", "accepted", "rejected"]
VERDICTS = Spec(
    "line", x="time", y=("accepted", "rejected"), labels={"accepted": "ACCEPT", "rejected": "REJECT"}
)
THEMES = ("light", "dark")


def over_time(count: int = 4) -> list[tuple[int, int, int]]:
    """Return one row every five minutes."""
    return [(T0 + 300 * place, 10 * place, place) for place in range(count)]


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("unit", ["count", "bytes", "bps", "packets", "percent", "plain"])
@pytest.mark.parametrize(
    ("kind", "columns", "rows"),
    [
        pytest.param("line", OVER_TIME, over_time(), id="line over time"),
        pytest.param("area", OVER_TIME, over_time(), id="area over time"),
        pytest.param("bar", OVER_TIME, over_time(), id="columns over time"),
        pytest.param("line", OVER_TIME, over_time(1), id="a single point"),
        pytest.param("bar", OVER_TIME, [("tcp", 1, 2), (None, 3, None)], id="columns by category"),
        pytest.param("ranking", OVER_TIME, [("a", 1, 2), ("b" * 90, 3, 4.5)], id="ranking"),
    ],
)
def test_plotly_accepts_every_figure(kind, unit, theme, columns, rows):
    spec = Spec(kind, unit=unit, x="time", y=("accepted", "rejected"))
    figure = draw(spec, columns, rows, Span(T0, T0 + 1200, 300))
    painted = paint(figure, theme)
    assert len(go.Figure(painted).data) == 2
    assert json.loads(json.dumps(painted, allow_nan=False)) == painted


def test_every_kind_is_tried_or_is_no_figure():
    assert set(KINDS) == {"line", "area", "bar", "ranking", "table", "tiles"}
    for kind in ("table", "tiles"):
        assert draw(Spec(kind, x="time", y=("accepted",)), OVER_TIME, over_time()) is None


@pytest.mark.parametrize("kind", ["line", "area", "bar", "ranking"])
def test_no_rows_is_no_figure(kind):
    assert draw(Spec(kind, x="time", y=("accepted",)), OVER_TIME, []) is None


@pytest.mark.parametrize("kind", ["line", "area", "bar", "ranking"])
def test_rejected_series_differ_by_more_than_colour(kind):
    spec = Spec(kind, x="time", y=VERDICTS.y, labels=VERDICTS.labels)
    accepted, rejected = draw(spec, OVER_TIME, over_time())["data"]
    assert (accepted["name"], rejected["name"]) == ("ACCEPT", "REJECT")
    pattern = {"bar": "marker", "ranking": "marker", "area": "fillpattern", "line": "line"}[kind]
    assert rejected[pattern] != accepted.get(pattern)


@pytest.mark.parametrize("theme", THEMES)
def test_a_meaning_keeps_its_colour_wherever_its_series_stands(theme):
    alone = paint(
        draw(Spec("line", x="time", y=("rejected",), labels=VERDICTS.labels), OVER_TIME, over_time()), theme
    )
    both = paint(draw(VERDICTS, OVER_TIME, over_time()), theme)
    assert alone["data"][0]["line"]["color"] == both["data"][1]["line"]["color"]


def test_styles_give_every_trace_a_patch_and_no_figure_holds_a_colour():
    figure = draw(VERDICTS, OVER_TIME, over_time())
    assert "#" not in json.dumps(figure)
    both = styles(figure)
    assert {theme: len(style["traces"]) for theme, style in both.items()} == {"light": 2, "dark": 2}
    assert both["light"]["layout"]["template"] != both["dark"]["layout"]["template"]


def test_time_axis_is_utc_and_spans_the_range():
    figure = draw(VERDICTS, OVER_TIME, over_time(), Span(T0 - 60, T0 + 1200, 300))
    assert figure["layout"]["xaxis"]["range"] == ["2023-11-14 22:19:00", "2023-11-14 22:40:00"]
    assert figure["layout"]["xaxis"]["title"]["text"] == "Time (UTC)"
    assert figure["data"][0]["x"][1] == "2023-11-14 22:20:00"


def test_a_bucket_without_records_is_zero():
    rows = [over_time(4)[0], over_time(4)[3]]
    figure = draw(VERDICTS, OVER_TIME, rows, Span(T0, T0 + 1500, 300))
    assert figure["data"][0]["y"] == [0, 0, 0, 30, 0]


def test_a_line_ends_at_the_last_complete_bucket():
    until = last_complete(T0 + 899, 300)
    figure = draw(VERDICTS, OVER_TIME, over_time(4), Span(T0, T0 + 1500, 300), until)
    assert figure["data"][0]["y"] == [0, 10]
    assert figure["layout"]["xaxis"]["range"][1] == "2023-11-14 22:45:00"
    assert draw(VERDICTS, OVER_TIME, over_time(4), until=last_complete(T0 + 900, 300))["data"][0]["y"] == [
        0,
        10,
        20,
    ]
    assert draw(VERDICTS, OVER_TIME, over_time(4), until=T0) is None


@pytest.mark.parametrize(
    ("places", "end"),
    [
        pytest.param([T0, T0 + 600, T0 + 1500], T0 + 1500, id="buckets of 300 s with a gap"),
        pytest.param([T0 + 60, T0 + 660], T0 + 1260, id="buckets off the epoch"),
        pytest.param(["2023-11-14 22:20:00", "2023-11-14 22:30:00"], T0 + 1200, id="text"),
        pytest.param([T0], None, id="one bucket"),
        pytest.param([T0, T0 + 1], None, id="single records"),
        pytest.param([T0, T0 + 0.5], None, id="parts of seconds"),
        pytest.param([T0, T0 + 300, None], None, id="not all are instants"),
        pytest.param(["tcp", "udp"], None, id="no instants"),
        pytest.param([], None, id="nothing"),
    ],
)
def test_places_on_the_axis_tell_the_last_complete_bucket(places, end):
    assert last_complete_of(places, T0 + 1799) == end


def test_times_off_the_buckets_are_left_where_they_are():
    rows = [(T0 + 7, 1, 1), (T0 + 900, 2, 2)]
    assert draw(VERDICTS, OVER_TIME, rows, Span(T0, T0 + 1500, 300))["data"][0]["y"] == [1, 2]


def test_one_column_names_the_series():
    spec = Spec("area", x="time", y=("bytes",), series="eni", unit="bps")
    rows = [(T0, "eni-1", 5), (T0, "eni-2", 6), (T0 + 300, "eni-1", 7)]
    figure = draw(spec, ["time", "eni", "bytes"], rows, Span(T0, T0 + 600, 300))
    assert {trace["name"]: trace["y"] for trace in figure["data"]} == {"eni-1": [5, 7], "eni-2": [6, 0]}


@pytest.mark.parametrize(
    "moment",
    [
        pytest.param(T0, id="unix seconds"),
        pytest.param(float(T0), id="unix seconds as a float"),
        pytest.param("2023-11-14 22:20:00", id="text without a zone"),
        pytest.param("2023-11-15T06:20:00+08:00", id="text with a zone"),
        pytest.param(datetime(2023, 11, 14, 22, 20), id="datetime without a zone"),  # noqa: DTZ001
        pytest.param(datetime(2023, 11, 14, 22, 20, tzinfo=UTC), id="datetime"),
    ],
)
def test_instants_of_every_kind_are_drawn_in_utc(moment):
    figure = draw(Spec("line", x="time", y=("n",)), ["time", "n"], [(moment, 1)])
    assert figure["data"][0]["x"] == ["2023-11-14 22:20:00"]


def test_text_of_records_is_never_markup():
    hostile = "<a href='javascript:alert(1)'>%{meta.role}</a>"
    figure = draw(Spec("ranking", x="name", y=("n",)), ["name", "n"], [(hostile, 1)])
    text = json.dumps(figure["data"] + [figure["layout"]["yaxis"]])
    assert "<" not in text
    assert "%{meta" not in text


def test_long_labels_are_shortened_and_still_told_apart():
    rows = [("x" * 60 + "1", 1), ("x" * 60 + "2", 2)]
    figure = draw(Spec("ranking", x="name", y=("n",)), ["name", "n"], rows)
    assert len(set(figure["data"][0]["y"])) == 2
    assert all(len(text) < 50 for text in figure["layout"]["yaxis"]["ticktext"])


def test_many_series_are_cut_to_what_one_can_read():
    rows = [(T0, f"eni-{place}", place) for place in range(60)]
    figure = draw(Spec("line", x="time", y=("n",), series="eni"), ["time", "eni", "n"], rows)
    assert len(figure["data"]) == 20


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (None, "count", "-"),
        (float("nan"), "bytes", "-"),
        (0, "bytes", "0 B"),
        (1023, "bytes", "1,023 B"),
        (1024, "bytes", "1 KB"),
        (1010 * 1024, "bytes", "1010 KB"),
        (2**20 - 1, "bytes", "1 MB"),
        (2**30, "bytes", "1 GB"),
        (1_294_991, "bytes", "1.23 MB"),
        (1_234_567, "count", "1,234,567"),
        (12_345_678, "packets", "12.3 M"),
        (2_500_000_000, "bps", "2.5 Gbps"),
        (-5120, "bytes", "-5 KB"),
        (2**70, "bytes", "1024 EB"),
        (12.345, "percent", "12.35 %"),
        (0.0, "percent", "0 %"),
        (1_700_000_000, "plain", "1700000000"),
        (0.333333333, "plain", "0.333333"),
        ("tcp", "count", "tcp"),
        (True, "count", "True"),
    ],
)
def test_values_as_people_read_them(value, unit, text):
    assert human(value, unit) == text


@given(
    st.one_of(st.integers(-(2**80), 2**80), st.floats(), st.none(), st.text()),
    st.sampled_from(["count", "bytes", "bps", "packets", "percent", "plain"]),
)
def test_any_value_can_be_written(value, unit):
    assert isinstance(human(value, unit), str)


def test_tiles_take_the_first_row():
    chosen = (Tile("n", "Records"), Tile("b", "Traffic", "bytes"), Tile("s", "Share", "percent"))
    assert tiles(chosen, ["n", "b", "s"], [(1200, 5 * 2**20, None)]) == [
        {"label": "Records", "text": "1,200", "exact": "1,200"},
        {"label": "Traffic", "text": "5 MB", "exact": "5,242,880"},
        {"label": "Share", "text": "-", "exact": ""},
    ]
    assert tiles((), ["n"], [(7,)]) == [{"label": "n", "text": "7", "exact": "7"}]
    assert tiles(chosen, ["n", "b", "s"], []) == []


def test_a_table_has_labels_units_and_says_what_it_left_off():
    spec = Spec("table", x="vpc", y=("b",), labels={"b": "Bytes"}, units={"b": "bytes"})
    table = tabulate(spec, ["vpc", "b"], [("vpc-1", 2 * 2**20), ("vpc-2", None), (None, 5)], limit=2)
    assert table == {
        "heads": [
            {"name": "vpc", "label": "vpc", "numeric": False},
            {"name": "b", "label": "Bytes", "numeric": True},
        ],
        "rows": [["vpc-1", "2 MB"], ["vpc-2", "-"]],
        "more": 1,
    }


@pytest.mark.parametrize(
    ("columns", "rows", "expected"),
    [
        pytest.param(["time", "n"], [(T0, 1), (T0 + 60, 2)], ("line", "time", ("n",), ""), id="time and number"),
        pytest.param(
            ["time", "pair", "bps"], [("10:00", "a->b", 1), ("10:01", "a->b", 2)],
            ("line", "time", ("bps",), "pair"), id="clock text, series, number",
        ),
        pytest.param(["a", "n"], [(22, 1), (80, 2)], ("bar", "a", ("n",), ""), id="two numbers"),
        pytest.param(["n", "dstport"], [(1, 22), (2, 80)], ("bar", "dstport", ("n",), ""), id="a number that names"),
        pytest.param(
            ["time", "dstport", "n"], [(T0, 22, 1), (T0 + 60, 80, 2)], ("line", "time", ("n",), "dstport"),
            id="a number that names the series",
        ),
        pytest.param(["srcaddr", "a", "b"], [("x", 1, 2), ("y", 3, 4)], ("bar", "srcaddr", ("a", "b"), ""), id="text"),
        pytest.param(["n"], [(1,)], ("table", "", (), ""), id="one value"),
        pytest.param(["srcaddr"], [("x",), ("y",)], ("table", "", (), ""), id="no number"),
        pytest.param(
            ["day", "n"], [(date(2026, 1, 1), 1), (date(2026, 1, 2), 2)],
            ("line", "day", ("n",), ""), id="dates",
        ),
        pytest.param([], [], ("table", "", (), ""), id="nothing"),
    ],
)  # fmt: skip
def test_a_result_of_unknown_shape_gets_a_fitting_chart(columns, rows, expected):
    spec = suggest(None, columns, rows)
    assert (spec.kind, spec.x, spec.y, spec.series) == expected


@given(
    st.integers(1, 4).flatmap(
        lambda width: st.lists(
            st.lists(
                st.one_of(st.none(), st.integers(), st.floats(), st.text(max_size=5), st.booleans()),
                min_size=width,
                max_size=width,
            ),
            min_size=1,
            max_size=5,
        )
    ),
    st.sampled_from(["line", "area", "bar", "ranking", "table"]),
)
def test_any_result_can_be_drawn(rows, kind):
    columns = [f"c{place}" for place in range(len(rows[0]))]
    spec = suggest(kind, columns, rows)
    figure = draw(spec, columns, rows, Span(T0, T0 + 600, 60))
    if figure is not None:
        json.dumps(paint(figure, "dark"), allow_nan=False)


def test_bytes_are_binary_under_the_pointer_and_on_their_axis():
    over_time = draw(
        Spec("line", x="time", y=("b",), unit="bytes"), ["time", "b"], [(T0, 2**20), (T0 + 60, None)]
    )
    assert over_time["data"][0]["customdata"] == ["1 MB", "-"]
    assert over_time["layout"]["meta"] == {"bytes": "y"}
    ranking = draw(Spec("ranking", x="name", y=("b",), unit="bytes"), ["name", "b"], [("a", 2**20)])
    assert ranking["layout"]["meta"] == {"bytes": "x"}
    records = draw(Spec("line", x="time", y=("n",)), ["time", "n"], [(T0, 1)])
    assert records["layout"]["meta"] == {"bytes": ""}


def test_the_first_bar_of_a_ranking_is_clear_of_the_buttons_of_the_chart():
    figure = draw(Spec("ranking", x="name", y=("n",)), ["name", "n"], [("a", 1)])
    assert figure["layout"]["margin"]["t"] >= 24
