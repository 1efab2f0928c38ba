"""Where the statements of a policy document stand in its text."""

from __future__ import annotations

import json
import re

_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[][{}:,]|[^][{}:,"\s]+')


def of_statements(text: str) -> list[tuple[int, int]]:
    """Return line and column, from 1, of each member of ``Statement`` in a text that is JSON."""
    found: list[tuple[int, int]] = []
    depth, key, is_inside = 0, "", False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if is_inside and depth == 2 and mark not in "],":
            found.append(
                (text.count("\n", 0, token.start()) + 1, token.start() - text.rfind("\n", 0, token.start()))
            )
        if mark in "{[":
            is_inside = is_inside or (depth == 1 and mark == "[" and key == "Statement")
            depth += 1
        elif mark in "}]":
            depth -= 1
            is_inside = is_inside and depth >= 2
        elif depth == 1 and mark[0] == '"':
            key = json.loads(mark)
    return found
