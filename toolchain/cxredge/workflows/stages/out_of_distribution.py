"""Pictures that are no such films, which the novelty score should tell from films."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from cxredge.files import canonical_json, sha256_file
from cxredge.images.readers import READERS
from cxredge.recipe import Recipe
from cxredge.stages import Store
from cxredge.workflows.stages.films import Films
from cxredge.workflows.stages.pictures import LIST, Drawn, Pictures

if TYPE_CHECKING:
    from cxredge.data.out_of_distribution import OodFilms


class OutOfDistributionFilms(Pictures):
    """Real pictures of other kinds where their data sets are there, and what is made of noise and of ``films``."""

    kind = "out-of-distribution"
    stack = "out-of-distribution"
    step = "out-of-distribution films"
    kept = missing = "pictures that are no such films, for the novelty score"
    code = ("cxredge.data.out_of_distribution",)
    packages = READERS

    def __init__(self, films: Films, recipe: Recipe) -> None:
        from cxredge.data.out_of_distribution import ood_sets

        self.films = films
        # none for phantoms: their bundles depend on no data set
        self.sets = {} if recipe.data.source == "phantom" else ood_sets(recipe.data.name)

    @property
    def inputs(self) -> Mapping[str, object]:
        """The films that some are made of, and the data sets, by their tables."""
        tables = [folder / name for folder in self.sets.values() for name in ("labels.csv", "SHA256SUMS")]
        return {
            "films": [record.sha256 for record in self.films.records],
            "input": self.films.spec.model_dump(mode="json"),
            "sets": {kind: folder.name for kind, folder in self.sets.items()},
            "tables": [sha256_file(table) for table in tables if table.is_file()],
        }

    def draw(self, store: Store) -> Drawn:
        """See ``data.out_of_distribution``."""
        from cxredge.data.out_of_distribution import make_ood_films

        listed, pixels = make_ood_films(self.films.films, self.sets, self.films.spec)
        return Drawn.of(pixels, listed.digest, canonical_json(listed.model_dump(mode="json")))

    def listed(self, store: Store) -> OodFilms:
        """Every picture in the order of the pixels, once they are there."""
        from cxredge.data.out_of_distribution import OodFilms

        return OodFilms.model_validate_json((store.folder(self) / LIST).read_bytes())
