"""Every text of ours is in the catalogues and in Chinese, and none is written past them."""

import ast
import os
import re
import shutil
import string
from collections.abc import Callable, Iterator
from pathlib import Path

import polib
import pytest
from django.core.management import call_command
from django.template.base import DebugLexer, TokenType
from django.utils.translation import gettext, override

from analytics.charts import Spec, draw
from analytics.language import QueryError, problem
from analytics.views import failures
from console.texts import Text
from console.wording import in_words
from flowlogs.models import FlowLog

ROOT = Path(__file__).resolve().parent.parent
CODE = ("console", "flowlogs", "analytics")
CATALOGUE = Path("zh_Hans/LC_MESSAGES/django.po")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]|%[sd%]|\{\w*\}")

# --- the catalogue


def catalogue() -> polib.POFile:
    """Return the Chinese catalogue as it is committed."""
    return polib.pofile(str(ROOT / "locale" / CATALOGUE))


@pytest.fixture(scope="module")
def extracted(tool: Callable[[str], str], tmp_path_factory: pytest.TempPathFactory) -> polib.POFile:
    """The catalogue as makemessages would bring it in step with code and templates."""
    tool("xgettext")
    root = tmp_path_factory.mktemp("texts")
    for name in (*CODE, "templates"):
        (root / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "locale", root / "locale")
    before = Path.cwd()
    os.chdir(root)
    try:
        from django.conf import settings

        paths = settings.LOCALE_PATHS
        settings.LOCALE_PATHS = [root / "locale"]
        call_command("makemessages", symlinks=True, verbosity=0)
    finally:
        settings.LOCALE_PATHS = paths
        os.chdir(before)
    return polib.pofile(str(root / "locale" / CATALOGUE))


def test_the_catalogue_is_in_step_with_code_and_templates(extracted: polib.POFile) -> None:
    """What fails here is mended by `manage.py makemessages`."""
    there, now = (
        {(entry.msgctxt or "", entry.msgid, entry.msgid_plural) for entry in each}
        for each in (catalogue(), extracted)
    )
    assert sorted(now - there) == []
    assert sorted(there - now) == []


def test_every_text_is_translated() -> None:
    missing = [
        entry.msgid
        for entry in catalogue()
        if not entry.translated()
        or not all([entry.msgstr, *entry.msgstr_plural.values()][bool(entry.msgid_plural) :])
    ]
    assert missing == []


def test_no_translation_is_a_guess_or_obsolete() -> None:
    assert [entry.msgid for entry in catalogue() if entry.fuzzy or entry.obsolete] == []


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    wrong = [
        (entry.msgid, text)
        for entry in catalogue().translated_entries()
        for text in (entry.msgstr_plural.values() if entry.msgid_plural else [entry.msgstr])
        if sorted(PLACEHOLDER.findall(text)) != sorted(PLACEHOLDER.findall(entry.msgid_plural or entry.msgid))
    ]
    assert wrong == []


def test_a_translation_begins_and_ends_as_its_text_does() -> None:
    """Spaces at the ends join a text to what stands beside it."""
    wrong = [
        entry.msgid
        for entry in catalogue().translated_entries()
        if words(entry.msgid) and not entry.msgid_plural and entry.msgid[-1] == " " != entry.msgstr[-1]
    ]
    assert wrong == []


# --- templates

# Names that are the same in every language, and what is no text: units, keys, examples of identifiers.
SAME = {
    *("Flow", "Log", "Console", "VPC", "VPCs", "ENI", "ENIs", "ECS", "CSV", "JSON", "IPv4", "IPv6", "UTC"),
    *("ID", "NODATA", "SKIPDATA", "Ctrl", "K", "GB", "USD", "SQL", "RAM", "ACL", "CIDR", "EN", "ms"),
    *("softflowd", "pmacct", "Open", "vSwitch"),
}
SHOWN_ATTRIBUTES = (
    "title",
    "aria-label",
    "placeholder",
    "alt",
    "data-label",
    "aria-description",
    "data-confirm",
)
ATTRIBUTE = re.compile(rf"""(?<![\w-])(?:{"|".join(SHOWN_ATTRIBUTES)})=("[^"]*"|'[^']*')""")
TAG = re.compile(r"""<(?:[^<>"']|"[^"]*"|'[^']*')*>""")
HIDDEN = re.compile(r"<(script|style|code|pre|kbd|samp)\b.*?</\1>", re.DOTALL)
# A query reads the same in every language; the other is a class that a block of the admin site takes.
EXAMPLES = {"action: REJECT and dstport: 22", "theme-"}
WORD = re.compile(r"[A-Za-z][A-Za-z0-9']*")


def templates() -> list[Path]:
    """Return the templates of ours."""
    return sorted((ROOT / "templates").rglob("*.html"))


def without_template_tags(source: str) -> str:
    """Return the markup that stands in a template itself: what tags and variables put there is left out."""
    kept: list[str] = []
    inside = ""
    for token in DebugLexer(source).tokenize():
        name = token.contents.split(None, 1)[0] if token.token_type == TokenType.BLOCK else ""
        if inside:
            inside = "" if name == inside else inside
        elif name in ("blocktranslate", "blocktrans", "comment"):
            inside = f"end{name}"
        elif token.token_type == TokenType.TEXT:
            kept.append(token.contents)
    return "".join(kept)


def words(text: str) -> list[str]:
    """Return the words of a text that a translator would have to see."""
    text = re.sub(r"&\w+;", " ", text)
    return [word for word in WORD.findall(text) if word not in SAME]


def untranslated(source: str) -> list[str]:
    """Return what a template says in words of its own: between its tags, and in attributes that people read."""
    markup = HIDDEN.sub("", without_template_tags(source))
    attributes = [found[1:-1] for found in ATTRIBUTE.findall(markup)]
    return [
        said.strip()
        for said in (*TAG.split(markup), *attributes)
        if words(said) and said.strip() not in EXAMPLES
    ]


@pytest.mark.parametrize("path", templates(), ids=lambda path: str(path.relative_to(ROOT / "templates")))
def test_a_template_says_nothing_past_the_catalogue(path: Path) -> None:
    assert untranslated(path.read_text()) == []


@pytest.mark.parametrize(
    ("source", "said"),
    [
        pytest.param("<p>Hello {{ name }}</p>", ["Hello"], id="text"),
        pytest.param('<p title="Hello">-</p>', ["Hello"], id="title"),
        pytest.param('<input placeholder="Name, {% translate "or" %}">', ["Name,"], id="placeholder"),
        pytest.param('{% translate "Hello" %}', [], id="translate"),
        pytest.param("{% blocktranslate %}Hello{% endblocktranslate %}", [], id="block"),
        pytest.param('<p class="muted">{{ hello }}</p>', [], id="class"),
        pytest.param("<code>select 1</code> VPC", [], id="code"),
    ],
)
def test_the_search_for_texts_in_templates_finds_them(source: str, said: list[str]) -> None:
    assert untranslated(source) == said


# --- Python

# Where a string is shown: keyword arguments, attributes of classes, and calls by the place of their argument.
SHOWN_KEYWORDS = {
    "help_text",
    "verbose_name",
    "verbose_name_plural",
    "empty_label",
    "short_description",
    "description",
}
SHOWN_ASSIGNED = {
    *("verbose_name", "verbose_name_plural", "site_header", "site_title", "index_title"),
    "short_description",
}
SHOWN_CALLS = {"Http404": 0, "PermissionDenied": 0, "ValidationError": 0}
MESSAGES = {"success", "error", "warning", "info"}
FIELDS = re.compile(r"[A-Z]\w*Field")
# Terminal commands speak English; the admin's fieldsets and reference data mark their texts themselves.
LEFT_OUT = ("management", "migrations", "benchmarks", "demo")
SAME_TEXTS = {"Flow Log Console"}


def python_files() -> list[Path]:
    """Return the files whose texts people read on pages."""
    return [
        path
        for package in CODE
        for path in sorted((ROOT / package).rglob("*.py"))
        if not set(path.relative_to(ROOT).parts) & set(LEFT_OUT)
    ]


def shown(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions whose value is shown to people."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            if node.targets[0].id in SHOWN_ASSIGNED:
                yield node.value
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            owner = getattr(getattr(node.func, "value", None), "id", "")
            is_form = FIELDS.fullmatch(name) or name in ("display", "action")
            yield from (
                each.value for each in node.keywords if is_form and each.arg in {*SHOWN_KEYWORDS, "label"}
            )
            if owner == "messages" and name in MESSAGES and len(node.args) > 1:
                yield node.args[1]
            if name in SHOWN_CALLS and len(node.args) > SHOWN_CALLS[name]:
                yield node.args[SHOWN_CALLS[name]]
            if owner == "models" and FIELDS.fullmatch(name) and node.args:
                yield node.args[0]
        elif isinstance(node, ast.ClassDef) and any(
            ast.unparse(base).endswith("Choices") for base in node.bases
        ):
            for each in node.body:
                if isinstance(each, ast.Assign):
                    yield each.value.elts[-1] if isinstance(each.value, ast.Tuple) else each.value


def is_written_past(node: ast.expr) -> bool:
    """Tell whether an expression is a text in words that no function marks for translation."""
    if isinstance(node, ast.JoinedStr):
        return any(isinstance(part, ast.Constant) and bool(words(str(part.value))) for part in node.values)
    if isinstance(node, ast.BinOp):
        return is_written_past(node.left)
    if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
        return False
    return node.value not in SAME_TEXTS and bool(words(node.value))


def test_code_shows_nothing_past_the_catalogue() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{node.lineno} {ast.unparse(node)}"
        for path in python_files()
        for node in shown(ast.parse(path.read_text()))
        if is_written_past(node)
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "source",
    [
        'messages.success(request, f"Flow log {name} is created.")',
        'raise Http404("There is no such thing.")',
        'forms.CharField(label="Name of it")',
        'models.CharField("name of it", help_text=_("It."))',
        'class Meta:\n    verbose_name = "flow log"',
        'class State(models.TextChoices):\n    NEW = "new", "Just made"',
    ],
)
def test_the_search_for_texts_in_code_finds_them(source: str) -> None:
    assert any(is_written_past(node) for node in shown(ast.parse(source)))


# --- texts of pure modules


GERMAN = {"Unexpected %(what)s at %(place)s": "%(what)s unerwartet an %(place)s", "the end": "das Ende"}


def test_a_text_takes_its_language_from_whoever_shows_it() -> None:
    text = Text("Unexpected %(what)s at %(place)s", what=Text("the end"), place=3)
    assert str(text) == "Unexpected the end at 3"
    assert text.said(GERMAN.__getitem__) == "das Ende unerwartet an 3"


def test_the_values_of_a_text_are_data() -> None:
    assert Text("no %(name)s", name="%(name)s").said(string.capwords) == "No %(name)s"


# --- in Chinese


def test_what_a_query_breaks_is_said_in_the_language_of_the_page() -> None:
    found = problem("bytes: many")
    assert found is not None
    with override("zh-hans"):
        failure = failures.of_query(found, "bytes: many")
    assert failure.title == "bytes 的值为整数，不能是 'many'"
    assert failure.text == "第 1 行，第 8 列。应为：整数、bytes > 0、bytes in [0 100]。"


def test_what_is_no_text_of_ours_stays_as_it_is() -> None:
    with override("zh-hans"):
        assert in_words(QueryError("Name")) == "Name"


def test_names_that_django_derives_are_translated_and_no_migration_sees_them() -> None:
    with override("zh-hans"):
        assert FlowLog._meta.get_field("created_at").verbose_name == "创建时间"
        assert FlowLog._meta.verbose_name_plural == "流日志"
    assert "verbose_name" not in FlowLog._meta.get_field("created_at").deconstruct()[3]


def test_a_dashboard_is_drawn_in_the_language_of_the_page() -> None:
    spec = Spec("line", x="time", y=("hits", "in"), labels={"in": "Inbound"})
    with override("zh-hans"):
        figure = draw(
            spec.said(gettext),
            ["time", "hits", "in"],
            [(1_700_000_040, 1, 2), (1_700_000_100, 3, 4)],
            say=gettext,
        )
    assert figure is not None
    assert [trace["name"] for trace in figure["data"]] == ["hits", "入方向"]
    assert figure["layout"]["xaxis"]["title"] == {"text": "时间（UTC）"}
