"""What charts and failed queries say in the language of the page."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.utils.translation import override

from analytics.assets import PREFIX, SCRIPT
from analytics.run import QueryFailed
from analytics.templatetags.charts import words
from analytics.views import failures
from console.foreign_words import PLOTLY
from console.texts import Text


def test_charts_have_the_words_of_the_page() -> None:
    with override("en"):
        english = words()
    with override("zh-hans"):
        chinese = words()
    assert english["format"]["days"][0] == "Sunday"
    assert english["format"]["shortMonths"][11] == "Dec"
    assert chinese["format"]["days"][0] == "星期日"
    assert chinese["format"]["months"][0] == "一月"
    assert chinese["format"]["dayMonthYear"] == english["format"]["dayMonthYear"] == "%Y-%m-%d"
    assert {key: len(names) for key, names in chinese["format"].items() if isinstance(names, list)} == {
        "days": 7,
        "shortDays": 7,
        "months": 12,
        "shortMonths": 12,
    }


@pytest.mark.parametrize("text", PLOTLY)
def test_plotly_still_says_what_we_translate(text: str) -> None:
    script = Path(finders.find(f"{PREFIX}/{SCRIPT}") or "")
    assert f'"{text}"' in script.read_text(encoding="utf-8")


def test_what_the_engine_says_is_quoted_under_a_sentence_of_ours() -> None:
    raw = failures.of_run(QueryFailed("Could not convert string 'x' to INT64"))
    assert (raw.title, raw.text) == (
        "The engine cannot run this query.",
        "Could not convert string 'x' to INT64",
    )
    ours = failures.of_run(QueryFailed(Text("Only one query is allowed")))
    assert (ours.title, ours.text) == ("Only one query is allowed", "")
