from __future__ import annotations

import numpy as np

from cxredge.evidence_decisions import Flip
from cxredge.parity.numerics import map_correlations
from cxredge.report import choice
from cxredge.report.material import REFERENCE
from report.plausible import films_for, material_for, outputs_for, recipe_for


def test_few_labels_are_all_drawn_in_their_order_and_of_many_those_with_most_flips() -> None:
    for count in (1, choice.LABELS_DRAWN, choice.LABELS_DRAWN + 5):
        recipe = recipe_for([f"Label_{i}" for i in range(count)], ["tflite/w8a8"])
        films = films_for(60, count)
        material = material_for(recipe, films, outputs_for(films, recipe.artifacts()))
        drawn = choice.labels(material, "tflite/w8a8")
        if count <= choice.LABELS_DRAWN:
            assert drawn == tuple(range(count))
            continue
        evidence = material.evidence("tflite/w8a8")
        assert evidence is not None
        flips = [line.flips_up + line.flips_down for line in evidence.labels]
        assert len(drawn) == choice.LABELS_DRAWN
        assert [flips[i] for i in drawn] == sorted(flips, reverse=True)[: choice.LABELS_DRAWN]


def test_unexplained_flips_come_first_then_those_that_moved_most() -> None:
    recipe = recipe_for(["A", "B"], ["tflite/w8a8"])
    films = films_for(30, 2)
    evidence = material_for(recipe, films, outputs_for(films, recipe.artifacts())).evidence("tflite/w8a8")
    assert evidence is not None

    def flip(film: int, moved: float, explained: bool) -> Flip:
        return Flip(
            label="A", film=f"{film:03d}", patient="p", truth=True, reference=-0.1, artifact=moved - 0.1, threshold=0,
            up=True, explained=explained,
        )  # fmt: skip

    many = (flip(0, 0.2, True), flip(1, 0.9, True), flip(2, 0.3, False), *(flip(i, 0.15, True) for i in range(3, 90)))
    shown = choice.flips(evidence.model_copy(update={"flips": many}))
    assert [f.film for f in shown[:4]] == ["002", "001", "000", "003"]
    assert len(shown) == choice.ROWS_SHOWN


def test_the_worst_maps_are_of_positive_decisions_and_one_a_film() -> None:
    recipe = recipe_for(["A", "B", "C"], ["tflite/w8a8"])
    films = films_for(50, 3)
    material = material_for(recipe, films, outputs_for(films, recipe.artifacts()))
    found = choice.worst_maps(material, "tflite/w8a8")
    reference, other = material.outputs[REFERENCE], material.outputs["tflite/w8a8"]
    positive = material.rule.call(reference["logits"])
    assert len(found) == choice.FILMS_SHOWN == len({film for film, _, _ in found})
    assert all(positive[film, label] for film, label, _ in found)
    every = map_correlations(reference["cam"][positive], other["cam"][positive])
    assert found[0][2] == every.min()
    assert [f[2] for f in found] == sorted(f[2] for f in found)


def test_without_a_positive_decision_there_is_no_worst_map() -> None:
    recipe = recipe_for(["A"], ["tflite/fp32"])
    films = films_for(3, 1)
    outputs = outputs_for(films, recipe.artifacts())
    for arrays in outputs.values():
        arrays["logits"] = np.full_like(arrays["logits"], -9)
    assert choice.worst_maps(material_for(recipe, films, outputs), "tflite/fp32") == ()
