"""The text of recipes that commands write: Jinja2 templates, whose blocks may be shared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"
YAML_WORDS = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Names that some readers of YAML take for something else: written with quotes."""


def environment() -> Environment:
    """Where the templates are found; ``word`` writes a name as YAML, ``json`` any value."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # YAML, and every text of a person goes through json
    )
    made.filters["json"] = lambda value: json.dumps(value, ensure_ascii=False)
    made.filters["word"] = lambda text: json.dumps(text) if text.lower() in YAML_WORDS else text
    return made
