"""The SQL dialect of the Log Service: Presto's grammar, where every function is looked up in our own table."""

from __future__ import annotations

from sqlglot.dialects.presto import Presto
from sqlglot.parsers.presto import PrestoParser
from sqlglot.tokenizer_core import TokenType


class LogService(Presto):
    """Presto whose parser knows no function: a call stays a name with arguments until it is allowed."""

    class Parser(PrestoParser):
        """Keeps only the calls that have a grammar of their own."""

        FUNCTIONS = {}
        FUNCTION_PARSERS = {
            name: PrestoParser.FUNCTION_PARSERS[name] for name in ("CAST", "TRY_CAST", "EXTRACT")
        }
        NO_PAREN_FUNCTIONS = {
            token: PrestoParser.NO_PAREN_FUNCTIONS[token]
            for token in (TokenType.CURRENT_TIMESTAMP, TokenType.CURRENT_DATE)
        }
