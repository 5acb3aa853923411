"""YAML from a stranger: one document that says no more than JSON can, bounded in size, nodes and depth.

No anchors, aliases or merge keys, which make a tree of any size out of a few letters; no tags and directives; keys are
strings, numbers are written as in JSON. All of that is found while the text is scanned, before a tree is made of it.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ruamel.yaml import YAML

MAX_BYTES = 200_000
MAX_NODES = 10_000
"""Keys, values, lists and mappings; the zoo's recipes have some 200."""
MAX_DEPTH = 32
MAX_DIGITS = 40
"""Characters of a number."""
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
"""RFC 8259, section 6."""
CONTROL = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]")
"""What YAML 1.2 (section 5.1) has nowhere, and JSON only escaped."""
ESCAPED = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""What no string holds, however it is written: controls but tab and line feed, and halves of characters."""
TAG = "tag:yaml.org,2002:"
Place = tuple[int, int] | None
"""Line and column, counted from 1."""


class YamlError(ValueError):
    """What of a text is no YAML, or more than is taken, and where."""

    def __init__(self, cause: str, place: Place = None) -> None:
        self.place = place
        super().__init__(cause)


def parse(data: bytes) -> Any:
    """The tree of ``data``: ruamel's nodes, which know their lines. Raises YamlError."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError

    if len(data) > MAX_BYTES:
        raise YamlError(f"it has more than {MAX_BYTES} bytes")
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise YamlError("it is not UTF-8", _at(data[: error.start].decode("utf-8"))) from error
    if (control := CONTROL.search(text)) is not None:
        raise YamlError(f"it holds the character {control[0]!a}", _at(text[: control.start()]))
    try:
        _check(YAML(typ="rt", plug_ins=[]), text)
        return YAML(typ="rt", plug_ins=[]).load(text)
    except YamlError:
        raise
    except MarkedYAMLError as error:
        words = (error.problem or error.context or "not YAML").splitlines()[0]
        raise YamlError(words, _place(error.problem_mark or error.context_mark)) from error
    except Exception as error:  # a parser of foreign bytes; what it says is for its authors
        raise YamlError(" ".join(str(error).split())[:200] or type(error).__name__) from error


def _check(yaml: YAML, text: str) -> None:
    """Read the events of ``text``, one at a time. Raises YamlError."""
    from ruamel.yaml.events import (
        AliasEvent,
        CollectionEndEvent,
        CollectionStartEvent,
        DocumentStartEvent,
        MappingStartEvent,
        NodeEvent,
        ScalarEvent,
    )

    documents = nodes = 0
    # of each collection that is open: whether it is a mapping, and how many nodes it has had
    levels: list[tuple[bool, int]] = []
    for event in yaml.parse(text):
        place = _place(event.start_mark)
        if isinstance(event, DocumentStartEvent):
            documents += 1
            if documents > 1:
                raise YamlError("a second document begins", place)
            if event.version or event.tags:
                raise YamlError("it has directives", place)
        elif isinstance(event, CollectionEndEvent):
            levels.pop()
        elif isinstance(event, NodeEvent):
            nodes += 1
            if nodes > MAX_NODES:
                raise YamlError(f"it has more than {MAX_NODES} keys and values", place)
            if isinstance(event, AliasEvent) or event.anchor is not None:
                raise YamlError("anchors and aliases are not taken: write out what is meant", place)
            if isinstance(event, ScalarEvent | CollectionStartEvent) and event.ctag is not None:
                raise YamlError("tags are not taken", place)
            is_key = bool(levels) and levels[-1][0] and levels[-1][1] % 2 == 0
            if levels:
                levels[-1] = (levels[-1][0], levels[-1][1] + 1)
            if isinstance(event, ScalarEvent):
                _check_scalar(yaml, event, is_key, place)
            elif is_key:
                raise YamlError("a list or a mapping stands where a key is due", place)
            if isinstance(event, CollectionStartEvent):
                levels.append((isinstance(event, MappingStartEvent), 0))
                if len(levels) > MAX_DEPTH:
                    raise YamlError(f"it is nested deeper than {MAX_DEPTH}", place)


def _check_scalar(yaml: YAML, event: Any, is_key: bool, place: Place) -> None:
    """Refuse what a plain word is taken for, where that is no string, number, truth value or null; and what an escape
    in quotes makes, where no file could hold it."""
    from ruamel.yaml.nodes import ScalarNode

    if (sign := ESCAPED.search(event.value)) is not None:
        raise YamlError(f"a string has the character {sign[0]!a}", place)
    if not event.implicit[0]:
        return  # quoted
    word = str(event.value)
    kind = str(yaml.resolver.resolve(ScalarNode, word, event.implicit)).removeprefix(TAG)
    if kind == "str":
        return
    shown = f"{word[:MAX_DIGITS]!a}" if word else "nothing"
    if kind == "merge":
        raise YamlError("merge keys (<<) are not taken: write out what is meant", place)
    if is_key:
        raise YamlError(f"{shown} stands where a key is due: if it is one, put it into quotes", place)
    if kind in ("int", "float"):
        if len(word) > MAX_DIGITS or not NUMBER.fullmatch(word) or not math.isfinite(float(word)):
            raise YamlError(f"{shown} is no number as JSON writes it: write it so, or put it into quotes", place)
    elif kind not in ("bool", "null"):
        raise YamlError(f"{shown} would be a {kind}: if it is a word, put it into quotes", place)


def _at(before: str) -> Place:
    return (before.count("\n") + 1, len(before) - before.rfind("\n"))


def _place(mark: Any) -> Place:
    return None if mark is None else (mark.line + 1, mark.column + 1)
