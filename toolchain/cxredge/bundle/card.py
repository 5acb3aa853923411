"""The model card: Jinja2 over the manifest, so that it can say nothing that was not measured."""

from __future__ import annotations

from pathlib import Path

from cxredge.bundle.manifest import Manifest
from cxredge.results import number

TEMPLATES = Path(__file__).parent / "templates"


def render(manifest: Manifest) -> str:
    """The card as Markdown."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    environment.filters["figure"] = number
    phantom = manifest.recipe.data.source == "phantom"
    return environment.get_template("model_card.md.j2").render(m=manifest, r=manifest.recipe, phantom=phantom)
