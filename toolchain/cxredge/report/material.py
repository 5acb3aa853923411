"""What the report is made of: the results, and the arrays behind them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cxredge.data.film import Film
from cxredge.errors import InputError, counted
from cxredge.evidence import Evidence, Explanation, Results
from cxredge.outputs import Outputs
from cxredge.parity.decisions import Rule, rule_of
from cxredge.parity.paired import judged_labels
from cxredge.recipe import Recipe
from cxredge.report.terms import Terms, terms_of
from cxredge.results import Artifact, BenchFigures, Verdict

REFERENCE = "reference"
"""Key of the reference's outputs in ``ReportMaterial.outputs``."""


@dataclass(frozen=True, eq=False)
class ReportMaterial:
    """One verified bundle. Row i of every output belongs to ``films[i]``.

    Raises InputError REPORT-MATERIAL when outputs are lacking or are not of these films and labels, or an artifact has
    no verdict.
    """

    results: Results
    recipe: Recipe
    films: tuple[Film, ...]
    """The evaluation films, in the order of the outputs."""
    outputs: Mapping[str, Outputs]
    """By artifact name, and the reference's under ``reference``."""
    pixels: Callable[[int], NDArray[np.uint8]]
    """Index of an evaluation film -> uint8[ch, H, W], preprocessed: asked for the few films of the gallery only."""
    bench: BenchFigures | None = None
    explanations: tuple[Explanation, ...] = ()

    def __post_init__(self) -> None:
        films, labels = len(self.films), len(self.recipe.labels.names)
        for name in (REFERENCE, *(a.name for a in self.results.artifacts)):
            if name not in self.outputs:
                raise _mismatch(f"there are no outputs of {name}")
            shape = self.outputs[name]["logits"].shape
            if shape != (films, labels):
                raise _mismatch(
                    f"logits of {name} are {shape}, for {counted(films, 'film')} and {counted(labels, 'label')}"
                )
        for artifact in self.results.artifacts:
            self.verdict(artifact)

    @property
    def phantom(self) -> bool:
        """Whether the films are the phantoms that the bundle was built with."""
        return self.recipe.data.source == "phantom" and self.results.other_films is None

    @property
    def names(self) -> tuple[str, ...]:
        """The labels."""
        return self.recipe.labels.names

    @cached_property
    def rule(self) -> Rule:
        """How logits are decided."""
        return rule_of(self.names, self.recipe.decision)

    @property
    def terms(self) -> Terms:
        """What the page calls things."""
        return terms_of(self.recipe)

    @cached_property
    def scores(self) -> Mapping[str, NDArray[np.float32]]:
        """float32[N, C] by the names of ``outputs``: what the rule holds against its cut."""
        return {name: self.rule.scores(outputs["logits"]) for name, outputs in self.outputs.items()}

    @cached_property
    def called(self) -> Mapping[str, NDArray[np.bool_]]:
        """bool[N, C] by the names of ``outputs``: the labels that the model calls."""
        return {name: self.rule.call(outputs["logits"]) for name, outputs in self.outputs.items()}

    @cached_property
    def truth(self) -> NDArray[np.bool_]:
        """bool[N, C]: what the data set says; it means nothing where a label is not ``judged``."""
        return np.stack([film.targets for film in self.films]) > 0.5

    @cached_property
    def judged(self) -> NDArray[np.bool_]:
        """bool[C]: the labels that the films tell."""
        return judged_labels(self.recipe.labels)

    def verdict(self, artifact: Artifact) -> Verdict:
        """The verdict on one artifact."""
        found = [v for v in self.results.verdicts if v.artifact == artifact.name]
        if not found:
            raise _mismatch(f"there is no verdict on {artifact.name}")
        return found[0]

    def evidence(self, artifact: str) -> Evidence | None:
        """What was measured of one artifact beyond its gates; None where only gates were judged."""
        return next((e for e in self.results.evidence if e.artifact == artifact), None)

    def explanation(self, artifact: str) -> Explanation | None:
        """Its error by layer, where that was measured."""
        return next((e for e in self.explanations if e.artifact == artifact), None)


def _mismatch(cause: str) -> InputError:
    return InputError("REPORT-MATERIAL", cause, "verify the bundle again, and write the report from that run")
