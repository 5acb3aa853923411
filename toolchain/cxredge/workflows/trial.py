"""A trial: the pictures that artifacts and the reference are shown, and the judging of what they said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from cxredge.outputs import OutputsFile
from cxredge.parity.decisions import rule_of
from cxredge.parity.judge import Answers, Judged, Shown, judge, reference_chance
from cxredge.progress import track
from cxredge.recipe import Recipe
from cxredge.stages import Stage, Store
from cxredge.vocabulary import ArtifactName
from cxredge.workflows.stages.accidents import AccidentFilms
from cxredge.workflows.stages.artifact import BundledArtifact, LoweredArtifact
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.out_of_distribution import OutOfDistributionFilms
from cxredge.workflows.stages.outputs import ArtifactOutputs, ReferenceOutputs
from cxredge.workflows.stages.pictures import Pictures
from cxredge.workflows.stages.shifted import ShiftedFilms

AnyArtifact = LoweredArtifact | BundledArtifact


@dataclass(frozen=True, eq=False)
class Said:
    """Answers of the reference, and of artifacts by name."""

    reference: Answers
    artifacts: Mapping[ArtifactName, Answers]


@dataclass(frozen=True, eq=False)
class Trial:
    """What a build and a verification have in common. weights: of the reference."""

    recipe: Recipe
    weights: Path
    evaluation: Films
    validation: Films | None
    """None: what is fitted on them is as the bundle has it."""
    out_of_distribution: OutOfDistributionFilms | None
    """None: the student has no novelty score that could tell such pictures from films."""
    accidents: AccidentFilms | None
    """None: the student has no quality output that could find them."""

    @property
    def judged_on(self) -> tuple[Pictures, ...]:
        """The stacks that a verdict rests on."""
        every = (self.evaluation, self.validation, self.out_of_distribution, self.accidents)
        return tuple(pictures for pictures in every if pictures is not None)

    def outputs(self, artifacts: Sequence[AnyArtifact], extra: Sequence[Pictures] = ()) -> list[Stage]:
        """Wanted: what the reference and every artifact say of what they are judged on, and of the stacks ``extra``."""
        return [
            *(ReferenceOutputs(self.recipe, self.weights, pictures) for pictures in (*self.judged_on, *extra)),
            *(ArtifactOutputs(a, pictures) for a in artifacts for pictures in (*self.judged_on, *extra)),
        ]

    def answers(self, store: Store, artifact: AnyArtifact | None = None) -> Answers:
        """What one artifact said, once it is there; None: the reference."""

        def of(pictures: Pictures) -> OutputsFile:
            if artifact is None:
                return ReferenceOutputs(self.recipe, self.weights, pictures).read(store)
            return ArtifactOutputs(artifact, pictures).read(store)

        strange, accidents = self.out_of_distribution, self.accidents
        return Answers(
            of(self.evaluation),
            None if self.validation is None else of(self.validation),
            None if strange is None else of(strange),
            None if accidents is None else of(accidents),
        )

    def shown(self, store: Store) -> Shown:
        """The films behind all answers."""
        strange = self.out_of_distribution
        groups = [] if strange is None else [picture.group for picture in strange.listed(store).pictures]
        rows = () if self.accidents is None else self.accidents.rows.tolist()
        return Shown(self.evaluation.films, self.validation.films if self.validation else (), groups, rows)

    def said(self, artifacts: Sequence[AnyArtifact], store: Store) -> Said:
        """What the reference and these artifacts said, once it is there."""
        return Said(self.answers(store), {a.artifact: self.answers(store, a) for a in artifacts})

    def noise(self, said: Said, shifted: ShiftedFilms, store: Store) -> NDArray[np.float64]:
        """float64[C]: the reference's own noise, by what it said of shifted films (``Rule.noise``)."""
        rule = rule_of(self.recipe.labels.names, self.recipe.decision)
        moved = ReferenceOutputs(self.recipe, self.weights, shifted).read(store).outputs["logits"]
        return rule.noise(said.reference.evaluation.outputs["logits"][shifted.rows], moved)

    def judge(
        self,
        artifacts: Sequence[AnyArtifact],
        store: Store,
        said: Said,
        noise: NDArray[np.float64] | None = None,
    ) -> dict[ArtifactName, Judged]:
        """Every artifact, judged by what was said. noise: the reference's own, where it was measured."""
        shown = self.shown(store)
        own = reference_chance(self.recipe, shown, said.reference)
        return {
            a.artifact: judge(
                self.recipe,
                a.record(store),
                shown,
                said.reference,
                said.artifacts[a.artifact],
                against_chance=own,
                noise=noise,
            )
            for a in track(artifacts, "judging", len(artifacts))
        }
