"""Jinja2 templates beside the code that fills them: nothing undefined is written, and no line that only held a tag."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from cxredge.errors import counted
from cxredge.markdown import AsIs, escaped

if TYPE_CHECKING:
    from jinja2 import Environment

YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Names that some readers of YAML take for something else: written with quotes."""


def templates(*folders: Path, markup: Literal["html", "markdown"] | None = None) -> Environment:
    """The templates of some folders. markup: what they write, for which values are escaped.

    Of its filters ``json`` writes any value as JSON, which is YAML, ``word`` a name as YAML, and ``counted`` a number
    with its noun.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(folders),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=markup == "html",
        finalize=_as_markdown if markup == "markdown" else None,
    )
    made.filters["json"] = lambda value: AsIs(json.dumps(value, ensure_ascii=False))
    made.filters["counted"] = counted
    made.filters["word"] = lambda text: json.dumps(text) if text.lower() in YAML_WORDS else text
    return made


def _as_markdown(value: object) -> str:
    return value if isinstance(value, AsIs) else escaped(str(value))
