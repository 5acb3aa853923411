"""Phantom films: what they promise about seeds, labels, masks and pixels."""

from __future__ import annotations

import csv
import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from cxredge.cli.phantom import phantom
from cxredge.errors import InputError
from cxredge.phantoms.anatomy import RIGHT
from cxredge.phantoms.lesions import Finding
from cxredge.phantoms.render import PHANTOM_LABELS, PhantomFilm, render, sample_patients
from cxredge.recipe_data import PhantomData


def data(seed: int = 0, train: int = 0, val: int = 0, test: int = 0) -> PhantomData:
    return PhantomData(source="phantom", seed=seed, patients={"train": train, "val": val, "test": test})


@pytest.fixture(scope="module")
def films() -> tuple[PhantomFilm, ...]:
    return sample_patients(data(seed=5, train=30, val=5, test=5))


def with_findings(film: PhantomFilm, *findings: Finding) -> PhantomFilm:
    return dataclasses.replace(film, findings=findings)


def test_labels_are_a_published_order() -> None:
    assert PHANTOM_LABELS == ("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax")


def test_same_film_same_bytes(films: tuple[PhantomFilm, ...]) -> None:
    again = sample_patients(data(seed=5, train=30, val=5, test=5))
    for film, twin in zip(films[:3], again[:3], strict=True):
        assert film == twin
        first, second = render(film), render(twin)
        assert first.grey.tobytes() == second.grey.tobytes()
        assert {k: v.tobytes() for k, v in first.masks.items()} == {k: v.tobytes() for k, v in second.masks.items()}


def test_a_film_does_not_depend_on_how_many_there_are() -> None:
    few = {film.name: film for film in sample_patients(data(seed=9, val=2))}
    many = {film.name: film for film in sample_patients(data(seed=9, train=4, val=7, test=3))}
    assert len(many) > len(few)
    assert all(many[name] == film for name, film in few.items())


def test_seeds_splits_and_patients_differ() -> None:
    def grey(film: PhantomFilm) -> str:
        return hashlib.sha256(render(film).grey.tobytes()).hexdigest()

    some = (
        sample_patients(data(seed=1, train=2))
        + sample_patients(data(seed=2, train=2))
        + sample_patients(data(seed=1, test=2))
    )
    assert len({grey(film) for film in some}) == len(some)


def test_series_of_one_to_four_films_share_an_anatomy() -> None:
    many = sample_patients(data(train=200))
    series: dict[str, list[PhantomFilm]] = {}
    for film in many:
        series.setdefault(film.patient, []).append(film)
    assert set(series) == {f"phantom-train-{i:04d}" for i in range(200)}
    assert {len(own) for own in series.values()} == {1, 2, 3, 4}
    assert all(film.anatomy == own[0].anatomy for own in series.values() for film in own)
    assert any(film.labels != own[0].labels for own in series.values() for film in own)
    assert len({film.name for film in many}) == len(many)


def test_prevalence() -> None:
    many = sample_patients(data(seed=3, train=1500))
    for label in PHANTOM_LABELS:
        assert 0.20 < np.mean([label in film.labels for film in many]) < 0.30, label
    assert 0.19 < np.mean([not film.labels for film in many]) < 0.31
    later = [film for film in many if film.index > 0]
    assert 0.20 < np.mean([label in film.labels for film in later for label in PHANTOM_LABELS]) < 0.30


def test_pictures_and_masks(films: tuple[PhantomFilm, ...]) -> None:
    assert set().union(*(film.labels for film in films)) == set(PHANTOM_LABELS)
    for film in films:
        grey, masks = render(film)
        assert grey.shape == (320, 320)
        assert grey.dtype == np.uint8
        assert grey.std() > 30, "a film has contrast"
        assert set(masks) == film.labels
        for label, mask in masks.items():
            assert mask.shape == grey.shape
            assert mask.dtype == np.bool_
            assert 20 <= mask.sum() < 0.3 * mask.size, (film.name, label)
            assert not np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).any(), (film.name, label)


@pytest.mark.parametrize("label", PHANTOM_LABELS)
@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("severity", [0.0, 1.0])
def test_a_finding_shows_inside_its_mask(
    films: tuple[PhantomFilm, ...], label: str, side: int, severity: float
) -> None:
    for film in films[:12:4]:
        finding = Finding(label, side, severity, 0.6, 0.3)
        without, (grey, masks) = render(with_findings(film)), render(with_findings(film, finding))
        assert without.masks == {}
        change = np.abs(grey.astype(int) - without.grey.astype(int))
        mask = masks[label]
        assert mask.sum() >= 20
        if label == "Cardiomegaly":
            # the mask is the whole heart, which was there before, and only its outer part is new
            assert change[mask].mean() > 3 * change[~mask].mean()
        else:
            assert change[mask].mean() > 10 * change[~mask].mean()
            assert change[mask].mean() > 3, "above the noise of an eye's comparison"


@pytest.mark.parametrize("label", ["Effusion", "Consolidation", "Nodule"])
def test_opacities_are_bright(films: tuple[PhantomFilm, ...], label: str) -> None:
    grey, masks = render(with_findings(films[0], Finding(label, RIGHT, 0.8, 0.5, 0.4)))
    without = render(with_findings(films[0])).grey
    assert grey[masks[label]].mean() > without[masks[label]].mean() + 5


def test_findings_do_not_disturb_each_other(films: tuple[PhantomFilm, ...]) -> None:
    nodule, fluid = Finding("Nodule", -1, 0.8, 0.5, 0.2), Finding("Effusion", 1, 0.8, 0.5, 0.5)
    both, alone = render(with_findings(films[1], fluid, nodule)), render(with_findings(films[1], nodule))
    assert np.array_equal(both.masks["Nodule"], alone.masks["Nodule"])
    assert set(both.masks) == {"Nodule", "Effusion"}


def test_the_heart_is_wider_than_half_the_thorax_exactly_with_cardiomegaly() -> None:
    from cxredge.phantoms.anatomy import Chest
    from cxredge.phantoms.lesions import heart_factor

    for film in sample_patients(data(seed=4, train=150)):
        for breath in (-0.025, 0.02):
            chest = Chest(film.anatomy, breath, heart_factor(film.findings, film.anatomy.cardiothoracic))
            ratio = chest.heart_radius / float(chest.wall(np.array([0.7]))[0])
            assert (ratio > 0.5) == ("Cardiomegaly" in film.labels)


def test_command_writes_a_data_set(tmp_path: Path) -> None:
    out = tmp_path / "set"
    result = CliRunner().invoke(phantom, [str(out), "--seed", "3", "--patients", "5"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    with (out / "labels.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert {row["split"] for row in rows} == {"train", "val", "test"}
    assert len({row["group"] for row in rows}) == 5
    assert all(row["licence_class"] == "open" and row["view"] == "PA" for row in rows)
    masks = {path.name for path in (out / "masks").iterdir()}
    for row in rows:
        assert (out / row["file"]).is_file()
        for label in PHANTOM_LABELS:
            assert (f"{Path(row['file']).stem}.{label}.png" in masks) == (row[label] == "1")
    assert "No person was imaged" in (out / "SOURCES.md").read_text()
    sums = (out / "SHA256SUMS").read_text().splitlines()
    assert sums[0] == f"{hashlib.sha256((out / rows[0]['file']).read_bytes()).hexdigest()}  {rows[0]['file']}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["set"], "nothing is left beside the goal"


def test_command_never_replaces_a_folder_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("keep me")
    with pytest.raises(InputError) as refusal:
        CliRunner().invoke(phantom, [str(tmp_path)], catch_exceptions=False)
    assert refusal.value.code == "DATA-EXISTS"
    assert (tmp_path / "precious.txt").read_text() == "keep me"
