"""Entries of a Bundle whose text as a whole is not JSON: cut out one by one, without recursion.

A bad resource, a file that ends in the middle or a bomb of brackets costs its own entry only. The
cut counts brackets outside strings; each piece is then parsed on its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_TOKEN = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{}"]', re.DOTALL)
_BUNDLE = re.compile(r'"resourceType"\s*:\s*"Bundle"')


def entry_texts(text: str) -> Iterator[str]:
    """Texts of the elements of a Bundle's own `entry` list; the last may be unfinished."""
    if not _BUNDLE.search(text):
        return
    depth, start, armed, inside = 0, 0, False, False
    for token in _TOKEN.finditer(text):
        mark = token[0]
        if mark == '"':  # a string without end: nothing after it can be trusted
            break
        if mark in "{[":
            depth += 1
            inside = inside or (armed and mark == "[" and depth == 2)
            if inside and depth == 3:
                start = token.start()
        elif mark in "}]":
            depth -= 1
            if inside and depth == 2:
                yield text[start : token.end()]
            elif inside and depth < 2:
                return
        elif depth == 1:
            armed = mark == '"entry"'
    if inside and depth > 2:
        yield text[start:]
