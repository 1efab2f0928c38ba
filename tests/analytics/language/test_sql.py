"""The SQL part: what is refused, where a mistake is, and how rows are limited."""

import pytest
import sqlglot
from hypothesis import given
from hypothesis import strategies as st
from sqlglot import exp

from analytics.language import QueryError, compile_query, problem
from analytics.language.functions import FUNCTIONS
from analytics.language.guard import TABLE

HOSTILE = [
    "select * from '/etc/passwd'",
    "select * from \"/etc/passwd\"",
    "select * from read_csv('/etc/passwd')",
    "select * from read_text('/etc/passwd')",
    "select * from read_blob('/etc/*')",
    "select * from read_parquet('/tmp/other.parquet')",
    "select * from parquet_metadata('/tmp/other.parquet')",
    "select * from glob('/*')",
    "select * from sniff_csv('/etc/passwd')",
    "select read_text('/etc/passwd')",
    "select * from log, read_text('/etc/passwd')",
    "select (select content from read_text('/etc/passwd'))",
    "select * from log where exists (select 1 from read_text('/etc/passwd'))",
    "with a as (select * from read_text('/etc/passwd')) select * from a",
    "select * from unnest(glob('/*')) as t(x)",
    "select * from duckdb_settings()",
    "select * from duckdb_settings",
    "select * from duckdb_secrets()",
    "select * from information_schema.tables",
    "select * from pg_catalog.pg_tables",
    "select * from main.log",
    "select * from system.main.log",
    "select * from sqlite_master",
    "select getenv('HOME')",
    "select current_setting('temp_directory')",
    "select * from query('select 1')",
    "select * from query_table('log')",
    "attach '/tmp/x.db'",
    "attach ':memory:' as other",
    "copy (select 1) to '/tmp/x'",
    "copy log to '/tmp/x' (format parquet)",
    "copy log from '/etc/passwd'",
    "export database '/tmp/x'",
    "import database '/tmp/x'",
    "install httpfs",
    "load httpfs",
    "set memory_limit = '100GB'",
    "reset memory_limit",
    "pragma database_list",
    "call pragma_version()",
    "create table x as select 1",
    "create or replace view log as select 1",
    "create macro flc_now() as 1",
    "drop view log",
    "insert into log values (1)",
    "update log set bytes = 0",
    "delete from log",
    "truncate table log",
    "alter table log rename to x",
    "checkpoint",
    "vacuum",
    "explain select 1",
    "describe log",
    "show tables",
    "prepare x as select 1",
    "execute x",
    "begin transaction",
    "select 1; drop view log",
    "select 1;",
    "(select 1)",
    "values (1)",
    "select * into x from log",
    "select * from log for update",
    "select * from log tablesample (10 percent)",
    "select $1",
    "select ?",
    "select @@version",
    "with recursive a as (select 1 as n union all select n + 1 from a) select * from a",
    "with log as (select 1 as x) select * from log",
    "with a as (with b as (select 1 as x) select * from b) select * from b",
    "select * from (with b as (select 1 as x) select * from b), b",
    "select repeat('x', 2000000000)",
    "select lpad('x', 2000000000, 'x')",
    "select lpad('x', bytes, 'x')",
    "select sequence(1, 1000000000)",
    "select * from unnest(sequence(1, 1000000000)) as t(x)",
    "select generate_series(1, 1000000000)",
    "select range(1000000000)",
    "select random()",
    "select uuid()",
    "select write_log('x')",
    "select flc_now() as x",
    "select bytes as flc_slot from log",
    "select cast('x' as regclass)",
    "select cast(bytes as json)",
    "select list_transform(array[1], x -> x)",
    "select action collate nocase from log",
    "select now() at time zone 'UTC'",
    "select ROW(1, 2)",
    "select x'00'",
    "select compare(bytes, 3600)",
    "select sum(bytes, 2)",
    "select sum() from log",
    "select " + "1+" * 3000 + "1",
    "select " + "(" * 5000 + "1" + ")" * 5000,
    "select " + "not " * 3000 + "true",
    "select '" + "x" * 5000 + "'",
    "select 'abc",
    "select /* abc",
    "select",
    "",
]  # fmt: skip


@pytest.mark.parametrize("sql", HOSTILE, ids=lambda sql: sql[:60])
def test_hostile_sql_is_refused(sql: str) -> None:
    with pytest.raises(QueryError):
        compile_query(f"* | {sql}")


MISTAKES = [
    pytest.param("* | select foo from log", 1, 12, "Column 'foo' cannot be resolved;please add the column in the index "
                 "attribute", (), id="unknown-column"),
    pytest.param("* |\nselect srcaddr,\n  srcprt", 3, 3, "Column 'srcprt' cannot be resolved", ("srcaddr", "srcport"),
                 id="third-line"),
    pytest.param("* | select eni-id", 1, 12, "a name with a hyphen is quoted", ('"eni-id"',), id="hyphen"),
    pytest.param("* | select srcaddr where l.bytes > 1", 1, 26, "Column 'l.bytes' cannot be resolved", None,
                 id="unknown-table"),
    pytest.param("* | select bytes from log a join log b on a.srcaddr = b.dstaddr", 1, 12, "is ambiguous", (),
                 id="ambiguous"),
    pytest.param("* | select * from logs", 1, 19, "Table 'logs' does not exist", ("log",), id="unknown-table-name"),
    pytest.param("* | select count(*), cuont(1)", 1, 22, "The function cuont does not exist", (),
                 id="unknown-function"),
    pytest.param("* | select ceilin(1.5)", 1, 12, "The function ceilin does not exist", ("ceil", "ceiling"),
                 id="alike-functions"),
    pytest.param("* | select split_part(srcaddr, '.')", 1, 12, "split_part takes 3 arguments", (), id="arguments"),
    pytest.param("* | select compare(bytes, 60)", 1, 12, "compare is not available yet", (), id="not-yet"),
    pytest.param("* | select * from log;", 1, 22, "syntax error error position is from column:22 to column:23,"
                 "error near < ; >", (), id="semicolon"),
    pytest.param("* | select count(1 from log", 1, 20, "error near < from >", (")",), id="parenthesis"),
    pytest.param("a\n | select srcaddr\n frm log x", 3, 6, "error near < log >", (), id="syntax-third-line"),
    pytest.param("* | drop table log", 1, 5, "Only one query is allowed", ("select", "with"), id="not-a-query"),
    pytest.param("* | select date_format(__time__, '%H:%Q')", 1, 34, "The format letter %Q is not available", None,
                 id="format-letter"),
    pytest.param("* | select date_trunc('minutes', __time__)", 1, 23, "The unit must be a quoted name", None,
                 id="unit"),
    pytest.param("* | select bytes limit -1", 1, 25, "LIMIT takes whole numbers", None, id="negative-limit"),
    pytest.param("* | select is_subnet_of('10.0.0.0/40', srcaddr)", 1, 25, "'10.0.0.0/40' is not a CIDR block", None,
                 id="block"),
    pytest.param("* | select element_at(histogram(bytes), 1) / 2", 1, 12, "Cannot tell whether this division", None,
                 id="division"),
    pytest.param("* | select time_series(__time__, '1m', '%H', '0') as t", 1, 12, "time_series needs", None,
                 id="time-series-without-group"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "line", "column", "message", "expected"), MISTAKES)
def test_mistake_has_its_place(
    text: str, line: int, column: int, message: str, expected: tuple[str, ...] | None
) -> None:
    error = problem(text)
    assert error is not None
    assert message in error.message
    assert (error.line, error.column) == (line, column)
    assert expected is None or error.expected == expected
    assert str(error).startswith(f"line {line}:{column}: ")


def test_query_without_a_problem_has_none() -> None:
    assert problem("action:REJECT | select count(*) as c") is None


@pytest.mark.parametrize(
    ("sql", "ending", "rows"),
    [
        pytest.param("select bytes", "LIMIT 101", 100, id="default-asks-for-one-more"),
        pytest.param("select bytes limit 7", "LIMIT 7", 7, id="own"),
        pytest.param("select bytes limit 20, 10", "LIMIT 10 OFFSET 20", 10, id="start-and-count"),
        pytest.param("select bytes limit 2000000", "LIMIT 100001", 100_000, id="cap"),
        pytest.param("select bytes union all select packets", "LIMIT 101", 100, id="union"),
        pytest.param("with a as (select bytes limit 3) select * from a", "LIMIT 101", 100, id="with"),
    ],
)
def test_rows_are_limited(sql: str, ending: str, rows: int) -> None:
    compiled = compile_query(f"* | {sql}")
    assert compiled.sql is not None
    assert compiled.sql.endswith(ending)
    assert compiled.rows == rows


def test_comments_do_not_reach_the_engine() -> None:
    compiled = compile_query("* | select /* one */ bytes -- two\n from log")
    assert compiled.sql == 'SELECT "log"."bytes" AS "bytes" FROM "log" AS "log" LIMIT 101'


def test_identical_text_is_compiled_once() -> None:
    assert compile_query("* | select bytes") is compile_query("* | select bytes")


PIECES = (
    "select from log where group by order limit with as a b ( ) , * + - / % = < > and or not in is null case when "
    "then else end union join on over partition srcaddr bytes \"eni-id\" __time__ 'x' '5m' 1 2.5 count( sum( min( "
    "date_trunc( time_series( concat( is_subnet_of( unnest( cast( bigint ) read_text( [ ] . ; | :: -> $ @ ? ` # \\ "
    "'10.0.0.0/8' exists distinct having interval"
)
WORDS = st.sampled_from([*PIECES.split(" "), "\n"])


@given(st.lists(WORDS, max_size=25))
def test_any_sql_is_refused_or_reads_only_the_log(words: list[str]) -> None:
    try:
        compiled = compile_query("* | select " + " ".join(words))
    except QueryError:
        return
    assert compiled.sql is not None
    (tree,) = sqlglot.parse(compiled.sql, dialect="duckdb")
    assert isinstance(tree, exp.Query)
    with_names = {cte.alias for cte in tree.find_all(exp.CTE)}
    assert {table.name for table in tree.find_all(exp.Table)} <= {TABLE, *with_names, ""}


def test_every_function_can_be_called_with_the_arguments_that_it_says() -> None:
    """No entry of the table breaks on the fewest or the most arguments; it answers or says what is wrong."""
    for name, function in FUNCTIONS.items():
        for count in {function.fewest, function.most}:
            arguments = ", ".join(["bytes"] * count)
            error = problem(f"* | select {name}({arguments}) as x")
            assert error is None or error.message.split()[0] in ("The", "Cannot", "time_series"), name
