"""Strangers' text in Markdown: shown as it reads, and never obeyed as markup."""

from __future__ import annotations

import re

from cxredge.errors import unseen

_INLINE = re.compile(
    r"[\\|*~]"  # a backslash hides what follows it, a bar ends a cell
    r"|<(?=[A-Za-z/!?])|&(?=#?\w+;)"  # a tag, an address, an entity: not ``a < b``
    r"|!(?=\[)|\[(?=[^\]]*\]:)|(?<=\])[(\[]"  # a picture, a definition, a link: not ``[0.1, 0.2]``
    r"|(?<!\w)_|_(?!\w)"
)
_START = re.compile(r"^(\s*)([#>]|[-+](?=\s|$)|[-=]+\s*$)")
_NUMBER = re.compile(r"^(\s*\d{1,9})([.)])(?=\s|$)")
_HTML = {"<": "&lt;", "&": "&amp;"}


class AsIs(str):
    """What is markup already, and to be written as it is."""

    __slots__ = ()


def escaped(text: str) -> str:
    """``text`` as Markdown that reads the same: no markup but names between single backticks.

    Of text without markup nothing changes. What is not seen, ends of lines among it, is written as Python does.
    """
    if isinstance(text, AsIs):
        return text
    shown = "".join(ascii(sign)[1:-1] if unseen(sign) else sign for sign in text)
    shown = _INLINE.sub(lambda found: _HTML.get(found[0], f"\\{found[0]}"), shown)
    if "``" in shown or shown.count("`") % 2:
        shown = shown.replace("`", "\\`")
    return _NUMBER.sub(r"\1\\\2", _START.sub(r"\1\\\2", shown))
