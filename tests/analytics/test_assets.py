"""Plotly out of its package: nothing of it is ours, nothing of it breaks the content security policy."""

import gzip

import pytest
from django.contrib.staticfiles import finders
from django.contrib.staticfiles.storage import staticfiles_storage
from django.template import Context, Template
from django.test import Client

from analytics import assets


def test_the_style_sheet_holds_the_rules_that_the_script_would_write():
    styles = (assets.folder() / "plotly.css").read_text()
    assert ".js-plotly-plot .plotly .main-svg { position:absolute;" in styles
    assert ".plotly-notifier" in styles
    assert styles.count("{") == styles.count("}") > 50
    assert "X " not in styles


def test_an_upgrade_that_hides_the_rules_is_noticed():
    with pytest.raises(ValueError, match="substring not found"):
        assets.style_sheet("no rules in here")


def test_the_elements_that_stop_further_styles_are_known():
    assert len(assets.style_marks()) >= 1


@pytest.mark.parametrize("name", ["plotly/plotly.min.js", "plotly/plotly.css"])
def test_clients_get_it_compressed_where_they_take_it_and_keep_it(name):
    url = staticfiles_storage.url(name)
    plain = Client().get(url)
    small = Client(headers={"Accept-Encoding": "gzip"}).get(url)
    content = b"".join(small.streaming_content)
    assert small["Content-Encoding"] == "gzip"
    assert gzip.decompress(content) == b"".join(plain.streaming_content)
    assert "max-age=31536000" in small["Cache-Control"]
    assert "?v=" in url


def test_only_its_own_files_are_found():
    assert finders.find("plotly/plotly.min.js")
    assert finders.find("plotly/widgetbundle.js") is None
    assert finders.find("plotly/../plotly.css") is None


def test_a_search_page_fetches_the_script_only_on_demand():
    at_once = Template("{% load charts %}{% plotly %}").render(Context())
    later = Template("{% load charts %}{% plotly on_demand=True %}").render(Context())
    assert "<script src" in at_once
    assert "<script src" not in later
    for html in (at_once, later):
        assert 'class="no-inline-styles"' in html
