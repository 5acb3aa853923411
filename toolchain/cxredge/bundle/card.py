"""The model card: Jinja2 over the record, so that it can say nothing that was not measured.

It begins with the metadata that model hubs read (YAML between two lines of dashes), in Hugging Face's terms:
https://huggingface.co/docs/hub/model-cards. JSON is YAML: values are quoted as such.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cxredge.bundle.build_record import Record
from cxredge.recipe_card import by_groups
from cxredge.recipe_edits import licence_of
from cxredge.recipe_student import GRADIENT_MAPS, HEADS, NO_MAPS
from cxredge.results import failed_gates, number, weak_gates
from cxredge.text_templates import templates

if TYPE_CHECKING:
    from jinja2 import Environment

TEMPLATES = Path(__file__).parent / "templates"


def card_templates(*folders: Path) -> Environment:
    """Templates of cards, those of bundles' among them, with the filters that write figures."""
    environment = templates(*folders, TEMPLATES, markup="markdown")
    environment.filters["figure"] = number
    environment.filters["share"] = lambda share: "–" if share is None else f"{100 * share:.3g} %"
    return environment


def render(record: Record) -> str:
    """The card as Markdown."""
    environment = card_templates()
    environment.filters["by_groups"] = lambda text: by_groups(text, record.recipe.card.groups)
    phantom = record.recipe.data.source == "phantom"
    targets = sorted({artifact.target for artifact in record.artifacts})
    template = environment.get_template("model_card.md.j2")
    maps = {"gradient": GRADIENT_MAPS, "none": NO_MAPS}.get(record.recipe.heatmap)
    return template.render(
        m=record,
        r=record.recipe,
        heads=HEADS,
        maps=maps,
        phantom=phantom,
        targets=targets,
        # the hubs' word for what is none of the licences that they know
        licence=licence_of(record.recipe) if record.recipe.ship is None else "other",
        failed=failed_gates(record.verdicts),
        weak=weak_gates(record.verdicts),
    )
