"""Files of network resources: errors by line and column, and an export that imports as unchanged."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.csvsafe import csv_cell, csv_text
from console.models import Account, Region, User
from flowlogs.demo.install import _Builder
from flowlogs.demo.network import SHOP
from flowlogs.models import SecurityGroup, Vpc
from flowlogs.network_rules import overlapping
from flowlogs.networks import batch as batch_module
from flowlogs.networks import fields, files
from flowlogs.networks.batch import Batch
from flowlogs.networks.kinds import KINDS

ENI = KINDS["eni"]
HEADING = "id,name,vswitch_id,private_ip\n"


def found(account: Account, region: Region, text: str, slug: str = "eni") -> list[tuple[int, str, str]]:
    batch = Batch(KINDS[slug], account, region, files.File(KINDS[slug], text))
    return [(row.line, each.field, each.code) for row in batch.broken for each in row.found]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            HEADING + "eni-x,ok,vsw-vpc-1-a,10.0.0.9\n\neni-y,1st,vsw-9,10.0.0.10\n",
            [(4, "name", "NameStart"), (4, "vswitch_id", "NotExist")],
            id="csv",
        ),
        pytest.param(
            'name,vswitch_id,private_ip\n"two\nlines",vsw-vpc-1-a,10.0.0.9\nok,vsw-vpc-1-a,x\n',
            [(2, "name", "NameCharacters"), (4, "private_ip", "Ipv4Address")],
            id="a cell of two lines",
        ),
        pytest.param("id,colour\neni-x,red\n", [(1, "colour", "FileColumn")], id="unknown column"),
        pytest.param(
            "id,name,Name\neni-x,one,two\n", [(1, "name", "FileColumnTwice")], id="a column that stands twice"
        ),
        pytest.param(HEADING + "eni-x,ok\n", [(2, "", "FileCells")], id="too few cells"),
        pytest.param('[{"name": "\\ud800"}]', [(1, "", "FileJson")], id="a lone surrogate"),
        pytest.param('[{"\\ud800": 1}]', [(1, "", "FileJson")], id="a lone surrogate in a name"),
        pytest.param(
            '[\n {"name": "ok", "vswitch_id": "vsw-vpc-1-a", "private_ip": "10.0.0.9"},\n'
            ' {"name": "ok",\n  "vswitch_id": "vsw-vpc-1-a", "private_ip": ["10.0.0.10"]}\n]',
            [(3, "private_ip", "PlainText")],
            id="json",
        ),
        pytest.param(
            '[{"colour": 1, "vswitch_id": "vsw-vpc-1-a", "private_ip": "10.0.0.9"}]',
            [(1, "colour", "FileColumn")],
            id="unknown member",
        ),
        pytest.param('[\n{"name": }]', [(2, "", "FileJson")], id="no json"),
        pytest.param(
            '[\n{"id": "a",\n "id": "b"}]', [(3, "id", "FileKeyTwice")], id="a key that stands twice"
        ),
        pytest.param('{"id": "a", "\\u0069d": "b"}', [(1, "id", "FileKeyTwice")], id="the same key, escaped"),
        pytest.param(
            'id,name\n\nvpc-a,"swallow\nvpc-b,b\n', [(3, "", "FileQuote")], id="an open quotation mark"
        ),
        pytest.param('id,name\n"', [(2, "", "FileQuote")], id="a lone quotation mark"),
        pytest.param(
            'id,name\n"a\nb","x\nvpc-b,"z"\n', [(3, "", "FileQuote")], id="one that another row closes"
        ),
        pytest.param(
            'id,name\n\n"' + "a\n" * files.LONGEST_ROW, [(3, "", "FileQuote")], id="one that opens for long"
        ),
        pytest.param(
            "id,name\n" + '"\n",' * files.LONGEST_ROW, [(2, "", "FileRowLong")], id="a row that is too long"
        ),
        pytest.param("," * files.LONGEST_ROW * 2, [(1, "", "FileRowLong")], id="a heading that is too long"),
        pytest.param(
            '[\n{"name": "' + "a" * files.LONGEST_ROW + '"}]', [(2, "", "FileRowLong")], id="a long object"
        ),
        pytest.param(
            '[\n{"name": [' + "[]," * files.LONGEST_ROW * 2, [(2, "", "FileRowLong")], id="a longer object"
        ),
        pytest.param("[1]", [(1, "", "FileShape")], id="no object"),
        pytest.param("[" * 100_000, [(1, "", "FileJson")], id="too deep"),
    ],
)
def test_errors_say_line_and_column(
    account: Account, region: Region, vpc: Vpc, text: str, expected: list[tuple[int, str, str]]
) -> None:
    assert found(account, region, text) == expected


@pytest.mark.parametrize(
    ("text", "place", "reason"),
    [
        pytest.param(
            '[{"id": "a"}]\n [{"id": "b"}]', (2, 2), "something stands here after the end", id="two lists"
        ),
        pytest.param('[{"id": "a"}] junk', (1, 15), "something stands here after the end", id="junk"),
        pytest.param('[{"id": "a"},\n', (2, 1), "the list does not end", id="half a list"),
    ],
)
def test_nothing_of_a_json_text_is_passed_over(text: str, place: tuple[int, int], reason: str) -> None:
    first, last = files.File(ENI, text)
    assert (first.given, first.found) == ({"id": "a"}, ())
    assert (last.line, last.column) == place
    assert [(each.code, str(each.params["reason"])) for each in last.found] == [("FileJson", reason)]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("id\n" + "\na\n" * 1001, 2001, id="csv"),
        pytest.param("[" + "{},\n" * 1000 + "{}]", 1000, id="json"),
    ],
)
def test_rows_beyond_the_most_are_not_read(monkeypatch: pytest.MonkeyPatch, text: str, line: int) -> None:
    monkeypatch.setattr(files, "MOST_ROWS", 999)
    *rows, last = files.File(ENI, text)
    assert [each.found for each in rows] == [()] * 999
    assert [(each.code, each.params) for each in last.found] == [("FileRows", {"most": "999"})]
    assert last.line == line


def test_objects_are_found_wherever_a_part_of_the_text_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "LONGEST_ROW", 40)
    monkeypatch.setattr(files, "_READ_AT_ONCE", 53)
    given = [{"id": "a" * (number % 17), "name": number} for number in range(100)]
    for text in (json.dumps(given), "\n".join(map(json.dumps, given))):
        assert [each.given for each in files.File(ENI, text)] == given
    *_before, last = files.File(ENI, '[{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id"; "d"}]')
    assert (last.column, last.found[0].code) == (46, "FileJson")


def test_a_file_with_many_wrong_rows_is_not_checked_to_its_end(
    account: Account, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "MOST_WRONG", 10)
    kind = KINDS["vpc"]
    unreadable = Batch(kind, account, region, files.File(kind, "cidr_blocks\n" + "10.0.0.0/8\nx\n" * 50))
    assert (len(unreadable.rows), len(unreadable.broken), unreadable.is_cut) == (20, 10, True)
    empty = Batch(kind, account, region, files.File(kind, "[" + "{}," * 50 + "]"))
    assert (len(empty.rows), len(empty.broken), empty.is_cut) == (10, 10, True)
    few = Batch(kind, account, region, files.File(kind, "cidr_blocks\n" + "x\n" * 9 + "10.0.0.0/8\n"))
    assert (len(few.rows), len(few.broken), few.is_cut) == (10, 9, False)


def test_the_lists_of_a_file_have_an_end(
    account: Account, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(batch_module, "MOST_MEMBERS", 10)
    text = "security_group_ids\n" + "sg-1;sg-2;sg-3\n" * 9
    batch = Batch(ENI, account, region, files.File(ENI, text))
    assert len(batch.rows) == 4
    assert "FileMembers" in [each.code for each in batch.rows[-1].found]


@pytest.mark.parametrize("text", ["id,name\neni-a,a\x00b\n", '[{"name": "a\\u0000b"}]'], ids=files.FORMATS)
def test_a_nul_is_refused_with_the_same_words(account: Account, region: Region, text: str) -> None:
    assert ("name", "NulCharacter") in [each[1:] for each in found(account, region, text)]


def test_a_key_that_stands_twice_is_told_with_its_column() -> None:
    text = '[{"name": "a{\\"}"},\n {"rules": [{"cidr": 1, "port": 2,\n    "cidr": 3}]}]'
    *_others, entry = files.File(ENI, text)
    assert (entry.line, dict(entry.found[0].params)) == (3, {"name": "cidr", "column": 5})


def test_objects_on_one_line_are_told_apart_by_number_and_column(
    account: Account, region: Region, vpc: Vpc
) -> None:
    text = '[{"id": "eni-a", "colour": 1}, {"id": "eni-a"},\n {"id": "eni-c"},\n  {"id": , 1}]'
    entries = list(files.File(ENI, text))
    assert [(each.number, each.line, each.column) for each in entries] == [
        (1, 1, 2),
        (2, 1, 32),
        (3, 2, 2),
        (4, 3, 10),
    ]
    assert str(entries[-1].found[0].params["reason"]) == "a value is missing here"
    batch = Batch(ENI, account, region, entries)
    assert ("ObjectTwice", {"number": 1, "key": "eni-a"}) in [
        (each.code, each.params) for each in batch.rows[1].found
    ]
    assert [row.number for row in batch.rows] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    "text",
    [
        HEADING + ",ok,vsw-vpc-1-a,10.0.0.9\n",
        "\ufeff" + HEADING.replace(",", ";") + ";ok;vsw-vpc-1-a;10.0.0.9\r\n",
        HEADING.replace(",", "\t").upper() + "\tok\tvsw-vpc-1-a\t10.0.0.9",
        '{"name": "ok", "vswitch_id": "vsw-vpc-1-a", "private_ip": "10.0.0.9"}\n',
    ],
    ids=["comma", "semicolon", "tab", "json-lines"],
)
def test_the_usual_forms_of_files_are_understood(
    account: Account, region: Region, vpc: Vpc, text: str
) -> None:
    batch = Batch(ENI, account, region, files.File(ENI, text))
    assert [(row.values["name"], row.values["private_ip"], row.found) for row in batch.rows] == [
        ("ok", "10.0.0.9", [])
    ]


@pytest.mark.django_db
@pytest.mark.parametrize("format", files.FORMATS)
@pytest.mark.parametrize("slug", KINDS)
def test_an_export_imports_as_unchanged(
    owner: User, account: Account, region: Region, slug: str, format: str
) -> None:
    _Builder(SHOP, owner, 1_772_366_400).build()
    group = SecurityGroup.objects.earliest("pk")
    group.rules.update(description="=1+1;-2")
    kind = KINDS[slug]
    rows = list(kind.within(account, region))
    assert rows
    text = "".join(files.write(kind, format, [kind.values(rows[:3]), kind.values(rows[3:])]))
    batch = Batch(kind, account, region, files.File(kind, text))
    assert (batch.broken, batch.created, batch.changed) == ([], [], [])
    assert batch.unchanged == len(rows)
    if format == files.CSV:
        assert not any(cell.startswith("=") for line in text.splitlines() for cell in line.split(","))


@given(st.text(st.sampled_from("=+-@\t\r\n\x00,;|'\"1a ")))
def test_a_cell_gives_its_text_back(text: str) -> None:
    assert csv_text(csv_cell(text)) == text


blocks = st.builds(
    lambda bits, length: (
        f"{bits >> (32 - length) << (32 - length) >> 24 & 255}."
        f"{bits >> (32 - length) << (32 - length) >> 16 & 255}.0.0/{length}"
    ),
    st.integers(0, 2**32 - 1),
    st.integers(8, 16),
)


@given(st.lists(blocks, max_size=12))
def test_overlaps_are_those_of_every_pair(cidrs: list[str]) -> None:
    from ipaddress import ip_network

    named = {f"b{number}": cidr for number, cidr in enumerate(cidrs)}
    partners = overlapping(named)
    for name, cidr in named.items():
        others = {
            other
            for other, taken in named.items()
            if other != name and ip_network(cidr).overlaps(ip_network(taken))
        }
        assert (partners.get(name) in others) if others else name not in partners


@pytest.mark.parametrize(
    ("field", "raw", "value"),
    [
        (fields.Words(name="x", label=""), " a;b, c\nb ", ("a", "b", "c")),
        (fields.Words(name="x", label=""), ["a", None, "b"], ("a", "b")),
        (fields.Flag(name="x", label=""), "Yes", True),
        (fields.Flag(name="x", label=""), False, False),
        (fields.Number(name="x", label=""), 7, 7),
        (fields.Choice(name="x", label="", choices=[("ingress", "Inbound")]), "INBOUND", "ingress"),
        (fields.Cidr(name="x", label=""), "2001:DB8:0::/64", "2001:db8::/64"),
        (fields.Address(name="x", label=""), "2001:DB8:0::1", "2001:db8::1"),
        (fields.Field(name="x", label=""), None, ""),
    ],
)
def test_fields_read_what_people_write(field: fields.Field, raw: Any, value: Any) -> None:
    assert field.read(raw) == value
    assert field.read(field.text(value)) == value
    assert field.read(field.json(value)) == value
