"""``cxredge quality``: fit the quality head of a student that exists, without training it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from torch import Tensor

from cxredge.data.accidents import MOST_TRAIN, accident_films
from cxredge.data.licences import usable_films
from cxredge.distill.quality_head import MOST_MEASURED, class_features, quality_score
from cxredge.distill.ready import check_films
from cxredge.distill.record import QualityScore
from cxredge.distill.splits import read_films
from cxredge.distill.thresholds import Thresholds, quality_thresholds
from cxredge.distill.write_back import write_back
from cxredge.files import canonical_json, read_bytes, sha256_bytes, write_bytes, write_text
from cxredge.places import check_outputs
from cxredge.recipe import Recipe, recipe_path, weights_file
from cxredge.recipe_file import load_recipe
from cxredge.recipe_student import ProgramSpec
from cxredge.stages import cache_folder
from cxredge.students import load_program, load_student, read_weights
from cxredge.students.quality import Quality, by_parts

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from cxredge.recipe_decision import Quality as QualityThresholds

RECORDS = {"results.json": "weights_sha256", "import.json": "student_sha256"}
"""What a training or an import left beside the recipe, and where it names the weights."""
MAX_RECORD = 64_000_000


@dataclass(frozen=True)
class FittedQuality:
    """What was fitted and written. records: files beside the recipe that now name the new weights."""

    thresholds: QualityThresholds
    score: QualityScore
    records: tuple[str, ...]


@dataclass(frozen=True)
class _Host:
    """A student that gets a head. pooled: images float32[n, ch, H, W], 0..255, to pooled features float32[n, d]; saved:
    the file of weights, or the program, with the head in it."""

    pooled: Callable[[Tensor], Tensor]
    saved: Callable[[Quality], bytes]


def fit_quality(place: Path) -> FittedQuality:
    """Fit the head to training films, choose its thresholds on val films, measure it on test films, and write.

    place: recipe folder or file. Written are the weights or the program, the records beside the recipe, and last the
    recipe with their hash. With a ``distill`` section only films of its licence classes count, as in training.
    Raises InputError QUALITY-FEW (too few films), QUALITY-PROGRAM (a program that is not divided), and what
    ``load_recipe``, ``load_student``, ``load_program``, ``DataSet.films``, ``usable_films`` and ``preprocess_films``
    raise.
    """
    from cxredge.data.data_sets import data_folders, open_data

    file, recipe = recipe_path(place), load_recipe(place)
    weights, spec = weights_file(recipe, file), recipe.input
    check_outputs([weights], [file, *data_folders(recipe.data)])
    data = open_data(recipe.data, recipe.labels, cache_folder())
    films = {split: usable_films(recipe, data.films(split), split) for split in ("train", "val", "test")}
    check_films(*(len(films[split]) for split in ("train", "val")))
    host = (
        _program(recipe, recipe.student, weights) if isinstance(recipe.student, ProgramSpec) else _ours(recipe, weights)
    )

    def pixels(split: str, most: int) -> NDArray[np.uint8]:
        """uint8[n, ch, H, W] of at most so many films, evenly spread."""
        chosen = [films[split][at] for at in accident_films(len(films[split]), most)]
        found: NDArray[np.uint8] = read_films(recipe, split, chosen).images.numpy()
        return found

    head = Quality.fitted_to(class_features(host.pooled, pixels("train", MOST_TRAIN), spec))

    def quality(image: Tensor) -> Tensor:
        found: Tensor = head(host.pooled(image))
        return found

    thresholds = quality_thresholds(by_parts(quality, pixels("val", len(films["val"])), "Measuring").numpy())
    score = quality_score(quality, pixels("test", MOST_MEASURED), spec, thresholds)
    saved = host.saved(head)
    digest = sha256_bytes(saved)
    write_bytes(weights, saved)
    records = _rewrite(file.parent, recipe.weights.sha256, digest, score)
    write_back(file, digest, Thresholds(points={}, margin=None, novelty=None, quality=thresholds))
    return FittedQuality(thresholds, score, records)


def _ours(recipe: Recipe, weights: Path) -> _Host:
    """A student of one of our architectures, whether its file has a head or not."""
    student = load_student(recipe, weights)

    def saved(head: Quality) -> bytes:
        from safetensors.torch import save

        # every other tensor as the file has it: in float32, or in float16
        tensors = read_weights(weights, recipe.weights.sha256)
        tensors |= {f"quality.{key}": value.contiguous() for key, value in head.state_dict().items()}
        return save(dict(sorted(tensors.items())))

    return _Host(student.pooled, saved)


def _program(recipe: Recipe, spec: ProgramSpec, weights: Path) -> _Host:
    """A student that was imported."""
    from cxredge.importing.quality_program import pooled_of, with_quality

    student = load_program(recipe, spec, weights)
    return _Host(lambda image: pooled_of(student, image), lambda head: with_quality(student, head, recipe.input))


def _rewrite(folder: Path, before: str, now: str, score: QualityScore) -> tuple[str, ...]:
    """Names of the records that are of these weights, which now say the new hash and how the head was measured."""
    found = []
    for name, key in RECORDS.items():
        if not (folder / name).is_file():
            continue
        try:
            tree = json.loads(read_bytes(folder / name, MAX_RECORD))
        except ValueError:
            continue
        if isinstance(tree, dict) and tree.get(key) == before:
            tree[key] = now
            if name == "import.json":
                tree["found"]["no_quality"] = None
            else:
                tree["quality"] = score.model_dump(mode="json")
            write_text(folder / name, canonical_json(tree))
            found.append(name)
    return tuple(found)
