"""Whole words of free text, and names found among them.

What a medic writes is matched by whole words in any case, the longest name first: "txa" is found in
"TXA 2 g" and not in "detxab". Text beyond the limit is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

TEXT_CHARS_MAX = 400
"""No slot takes a longer name of a drug or a substance."""

_WORD = re.compile(r"[^\W_]+")
_Meaning = TypeVar("_Meaning")


def shortened(text: str) -> str:
    """`text`, cut between two words where it is longer than the limit."""
    return text if len(text) <= TEXT_CHARS_MAX else text[:TEXT_CHARS_MAX].rpartition(" ")[0]


def words_of(text: str) -> tuple[str, ...]:
    """Words in order, case folded, punctuation dropped: "Morphine, IV" is morphine, iv."""
    return tuple(_WORD.findall(shortened(text).casefold()))


class Phrases(Generic[_Meaning]):
    """Names of one or more words, each with its meaning."""

    def __init__(self, names: Iterable[tuple[str, _Meaning]]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], _Meaning]]] = {}
        for name, meaning in names:
            first, *rest = words_of(name)
            self._by_first.setdefault(first, []).append((tuple(rest), meaning))
        for known in self._by_first.values():
            known.sort(key=lambda one: -len(one[0]))

    def found(self, words: tuple[str, ...]) -> tuple[_Meaning, ...]:
        """Meanings in the order written; of names that overlap the first and longest counts."""
        meanings: list[_Meaning] = []
        free = 0  # the first word that no name has taken yet
        for place, word in enumerate(words):
            if word not in self._by_first or place < free:
                continue
            for rest, meaning in self._by_first[word]:
                free = place + 1 + len(rest)
                if words[place + 1 : free] == rest:
                    meanings.append(meaning)
                    break
            else:
                free = place + 1
        return tuple(meanings)
