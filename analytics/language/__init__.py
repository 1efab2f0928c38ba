"""The query language of the Log Service, ``search | SQL``. Pure: text in, text for the engine out.

``compile_query`` is the way in; everything it cannot run it refuses with a QueryError that says where and
what was expected.
"""

from .columns import COLUMNS
from .edit import add_term
from .errors import QueryError
from .query import Compiled, compile_query, problem
from .sql import DEFAULT_ROWS, MOST_ROWS

__all__ = [
    "COLUMNS",
    "DEFAULT_ROWS",
    "MOST_ROWS",
    "Compiled",
    "QueryError",
    "add_term",
    "compile_query",
    "problem",
]
