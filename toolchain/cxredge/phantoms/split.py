"""One split of a phantom data set, as a stage: its films are drawn once, and hashed like everything that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from cxredge.phantoms.folder import write_films
from cxredge.phantoms.render import sample_patients
from cxredge.recipe_data import PhantomData
from cxredge.stages import Stage


class PhantomSplit(Stage):
    """Pictures under ``images/`` and masks under ``masks/``."""

    kind = "phantoms"
    made_here = True
    code = ("cxredge.phantoms.folder", "cxredge.phantoms.render")
    packages = ("numpy", "pillow")

    def __init__(self, data: PhantomData, split: str) -> None:
        self.data = data
        self.split = split
        self.step = f"{split} phantoms"
        self.kept, self.missing = "already drawn", "not yet drawn with this seed"

    @property
    def inputs(self) -> Mapping[str, object]:
        """The generator's settings."""
        return {"data": self.data.model_dump(mode="json"), "split": self.split}

    def make(self, folder: Path) -> None:
        """Draw every film. Raises EnvironmentProblem DISK-FULL or DISK-DENIED."""
        films = (film for film in sample_patients(self.data) if film.split == self.split)
        write_films(folder, films, f"rendering phantoms, {self.split}")
