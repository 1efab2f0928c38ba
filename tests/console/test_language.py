"""The language of the console: chosen in the top bar, kept in a cookie, asked of the browser before that."""

import os
import time
from pathlib import Path

import polib
import pytest
from django.test import Client
from django.utils.translation import override

from console import translations, wording
from console.models import User


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A folder of catalogues with one message."""
    source = tmp_path / "text" / "zh_Hans" / "LC_MESSAGES" / "django.po"
    source.parent.mkdir(parents=True)
    write(source, "流日志")
    return source


def write(source: Path, text: str) -> None:
    file = polib.POFile()
    file.metadata = {"Content-Type": "text/plain; charset=utf-8"}
    file.append(polib.POEntry(msgid="Flow Log", msgstr=text))
    file.save(str(source))


def test_a_catalogue_is_compiled_once_and_again_when_it_changes(catalogue: Path, tmp_path: Path) -> None:
    sources, target = tmp_path / "text", tmp_path / "compiled"
    [compiled] = translations.compile_catalogues(sources, target)
    assert polib.mofile(str(compiled)).find("Flow Log").msgstr == "流日志"  # type: ignore[union-attr]
    assert translations.compile_catalogues(sources, target) == []
    write(catalogue, "流量日志")
    later = time.time_ns() + 10**9
    os.utime(catalogue, ns=(later, later))
    assert translations.compile_catalogues(sources, target) == [compiled]
    assert polib.mofile(str(compiled)).find("Flow Log").msgstr == "流量日志"  # type: ignore[union-attr]
    assert sorted(path.name for path in compiled.parent.iterdir()) == ["django.mo"]


def test_the_browser_says_the_language_until_it_is_chosen(client: Client, db: None) -> None:
    page = client.get("/login/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert 'lang="zh-Hans"' in page.content.decode()
    client.post("/language/", {"language": "en", "next": "/login/"})
    page = client.get("/login/", headers={"Accept-Language": "zh-CN,zh;q=0.9"})
    assert 'lang="en"' in page.content.decode()


def test_choosing_a_language_shows_the_same_page_in_it(client: Client, owner: User) -> None:
    client.force_login(owner)
    answer = client.post("/language/", {"language": "zh-hans", "next": "/password/?a=b"})
    assert (answer.status_code, answer["Location"]) == (302, "/password/?a=b")
    assert 'lang="zh-Hans"' in client.get("/password/").content.decode()


@pytest.mark.parametrize("value", ["", "xx", "zh-hans\r\n", "../en"])
def test_another_language_changes_nothing(client: Client, db: None, value: str) -> None:
    answer = client.post("/language/", {"language": value, "next": "https://example.com/"})
    assert answer["Location"] == "/"
    assert "flowlog_language" not in answer.cookies


def test_single_keys_can_be_switched_off_and_on_again(client: Client, owner: User) -> None:
    client.force_login(owner)
    assert 'aria-keyshortcuts="?"' in client.get("/password/").content.decode(), "in the account menu"
    assert "Switch single-key shortcuts off" in client.get("/shortcuts/").content.decode()
    assert client.post("/keys/", {"keys": "off", "next": "/password/"})["Location"] == "/password/"
    assert "Switch single-key shortcuts on" in client.get("/shortcuts/").content.decode()
    client.post("/keys/", {"keys": "on", "next": "https://example.com/"})
    assert client.cookies["flowlog_keys"].value == "on"
    assert "flowlog_keys" not in client.post("/keys/", {"keys": "maybe"}).cookies


def test_the_keys_are_a_page_and_a_panel(client: Client, owner: User) -> None:
    assert client.get("/shortcuts/")["Location"].startswith("/login/")
    client.force_login(owner)
    page = client.get("/shortcuts/").content.decode()
    panel = client.get("/shortcuts/", headers={"HX-Request": "true"}).content.decode()
    assert "<html" in page
    assert panel.startswith("<dialog")
    for html in (page, panel):
        assert "<kbd>?</kbd>" in html
        assert ">Off<" not in html
    client.cookies["flowlog_keys"] = "off"
    assert client.get("/shortcuts/").content.decode().count(">Off<") == 3


@pytest.mark.parametrize(("language", "text"), [("en", "One. Two."), ("zh-hans", "One.Two.")])
def test_sentences_stand_as_the_language_has_it(language: str, text: str) -> None:
    with override(language):
        assert wording.sentences("One.", "", "Two.") == text
