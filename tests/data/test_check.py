"""``data check`` on folders with planted leaks, copies, damage and shortcuts, and on folders that have none."""

from __future__ import annotations

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

from cxredge.cli.main import cli
from cxredge.data.check_record import DataCheck
from cxredge.data.data_check import check_data
from cxredge.errors import InputError
from cxredge.phantoms.folder import write_folder
from cxredge.phantoms.render import sample_patients
from cxredge.recipe_data import PhantomData

PATIENTS = {"train": 24, "val": 10, "test": 10}
Row = dict[str, str]


@pytest.fixture(scope="module")
def phantoms(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Forty-four phantom patients, in three splits; without hashes, so that films may be exchanged."""
    folder = tmp_path_factory.mktemp("phantoms") / "films"
    folder.mkdir()
    write_folder(folder, sample_patients(PhantomData(source="phantom", seed=4, patients=PATIENTS)))
    (folder / "SHA256SUMS").unlink()
    shutil.rmtree(folder / "masks")
    return folder


@pytest.fixture
def films(phantoms: Path, tmp_path: Path) -> Path:
    """Some of them, to be broken: too few for shortcuts to be judged."""
    folder = tmp_path / "films"
    (folder / "images").mkdir(parents=True)
    few = {"train": 14, "val": 5, "test": 9}
    rows = [row for split, most in few.items() for row in [r for r in table(phantoms) if r["split"] == split][:most]]
    for row in rows:
        shutil.copy(phantoms / row["file"], folder / row["file"])
    write(folder, rows)
    return folder


def table(folder: Path) -> list[Row]:
    with (folder / "labels.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def write(folder: Path, rows: list[Row]) -> None:
    with (folder / "labels.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def first(rows: list[Row], split: str) -> Row:
    return next(row for row in rows if row["split"] == split)


def kinds(found: DataCheck) -> list[tuple[str, bool]]:
    return [(pair.kind, pair.leaks) for pair in found.pairs]


def reencoded(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=60)
    return stream.getvalue()


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def resized(image: Image.Image) -> bytes:
    return png(image.resize((image.width * 2 // 3, image.height * 2 // 3), Image.Resampling.BICUBIC))


def test_a_set_without_faults_has_none(phantoms: Path) -> None:
    found = check_data(phantoms)
    rows = table(phantoms)
    assert found.leaking == 0
    assert (found.patient_leaks, found.pairs, found.unreadable, found.missing, found.not_listed) == ((),) * 5
    assert [one for one in found.shortcuts if one.given_away] == []
    assert (found.rows, found.read, found.patients) == (len(rows), len(rows), sum(PATIENTS.values()))
    assert set(found.labels) == {"Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax"}
    assert found.set_aside == ("finding",)
    test = [row for row in rows if row["split"] == "test"]
    count = found.splits["test"].labels["Nodule"]
    assert (found.splits["test"].films, found.splits["test"].patients) == (len(test), PATIENTS["test"])
    assert count.positives == sum(row["Nodule"] == "1" for row in test)
    assert count.positive_patients == len({row["group"] for row in test if row["Nodule"] == "1"})
    assert (count.negatives, count.unlabelled) == (len(test) - count.positives, 0)
    assert DataCheck.model_validate_json(found.model_dump_json()) == found


def test_a_patient_in_two_splits_leaks_however_the_name_is_written(films: Path) -> None:
    rows = table(films)
    first(rows, "train")["group"] = "P-017"
    first(rows, "test")["group"] = "p17"
    write(films, rows)
    (leak,) = check_data(films).patient_leaks
    assert (leak.names, leak.splits) == (("P-017", "p17"), {"train": 1, "test": 1})


@pytest.mark.parametrize(
    ("copy", "kind"),
    [
        (None, "bytes"),
        (lambda image: png(image) + b"", "pixels"),
        (reencoded, "near"),
        (resized, "near"),
    ],
)
def test_a_copy_in_another_split_leaks_and_its_other_labels_are_named(
    films: Path, copy: Callable[[Image.Image], bytes] | None, kind: str
) -> None:
    rows = table(films)
    source, target = first(rows, "train"), first(rows, "test")
    data = (films / source["file"]).read_bytes()
    if copy is not None:
        made = copy(Image.open(io.BytesIO(data)))
        assert made != data or kind == "pixels"
        # the encoder's own bytes may be those of the file: a comment makes them others
        data = made if made != data else png(Image.open(io.BytesIO(data)).convert("RGB"))
    (films / target["file"]).write_bytes(data)
    source["Nodule"], target["Nodule"] = "1", "0"
    write(films, rows)
    found = check_data(films)
    (pair,) = found.pairs
    assert (pair.kind, pair.leaks, {pair.one.file, pair.other.file}) == (kind, True, {source["file"], target["file"]})
    assert "Nodule" in pair.labels_differ
    assert (pair.correlation is None) == (kind != "near")
    assert found.leaking == 1


def test_a_copy_in_its_own_split_is_told_and_is_no_leak(films: Path) -> None:
    rows = table(films)
    source = first(rows, "train")
    target = next(row for row in rows if row["split"] == "train" and row["group"] != source["group"])
    shutil.copy(films / source["file"], films / target["file"])
    again = [*rows, {**source, "group": "somebody-else"}]
    write(films, again)
    found = check_data(films)
    assert kinds(found) == [("bytes", False)] * 2
    assert found.leaking == 0
    again[-1]["split"] = "val"
    write(films, again)
    assert kinds(check_data(films)) == [("bytes", True), ("bytes", False)], "a file that two rows name is one picture"


def test_films_that_cannot_be_read_are_told_by_code_and_the_others_go_on(films: Path) -> None:
    rows = table(films)
    cut, absent, text = rows[0], rows[1], rows[2]
    data = (films / cut["file"]).read_bytes()
    (films / cut["file"]).write_bytes(data[: len(data) // 2])
    (films / absent["file"]).unlink()
    (films / text["file"]).write_text("no film")
    (films / "images" / "nobody.png").write_bytes(data)
    (films / "notes.txt").write_text("of the set")
    found = check_data(films)
    assert [(one.file, one.code, one.line) for one in found.unreadable] == [
        (cut["file"], "IMG-TRUNCATED", 2),
        (text["file"], "IMG-FORMAT", 4),
    ]
    assert [(one.file, one.line) for one in found.missing] == [(absent["file"], 3)]
    assert (found.not_listed, found.other_files) == (("images/nobody.png",), 1)
    assert (found.read, found.leaking) == (len(rows) - 3, 0)


def test_films_in_colour_are_read_and_counted(films: Path) -> None:
    rows = table(films)
    grey = np.asarray(Image.open(films / rows[0]["file"]).convert("L"))
    Image.fromarray(np.stack([grey, grey // 2, grey // 3], -1)).save(films / rows[0]["file"])
    found = check_data(films)
    assert (found.colour, found.read, found.unreadable) == (1, len(rows), ())


def test_labels_that_are_not_told_are_counted_apart_and_splits_without_positives_named(films: Path) -> None:
    rows = table(films)
    for row in rows:
        if row["split"] == "test":
            row["Effusion"] = "0"
        if row["split"] == "val":
            row["split"] = "train"
    first(rows, "test")["Nodule"] = ""
    first(rows, "train")["Nodule"] = "-1"
    write(films, rows)
    found = check_data(films)
    assert [found.splits[split].labels["Nodule"].unlabelled for split in ("train", "test")] == [1, 1]
    assert {"val: no films", "test: Effusion"} <= set(found.without_positives)


def test_labels_written_as_floats_are_the_same_labels(films: Path) -> None:
    rows = table(films)
    first(rows, "train")["Nodule"] = "-1"
    first(rows, "test")["Nodule"] = ""
    write(films, rows)
    plain = check_data(films)
    for row in rows:
        row["Nodule"] = row["Nodule"] and f"{row['Nodule']}.0"
    write(films, rows)
    floats = check_data(films)
    assert (floats.labels, floats.splits) == (plain.labels, plain.splits)
    assert floats.splits["train"].labels["Nodule"].unlabelled == 1


def test_columns_that_look_like_labels_and_are_none_are_named(films: Path) -> None:
    rows = table(films)
    for at, row in enumerate(rows):
        row |= {"Pleural Thickening": str(at % 2), "Mass": ("0", "1", "0.5")[at % 3], "visit": str(at)}
    write(films, rows)
    found = check_data(films)
    assert set(found.not_taken) == {"Pleural Thickening", "Mass"}
    assert found.not_taken["Mass"] == "it also holds '0.5'"
    said = CliRunner().invoke(cli, ["data", "check", str(films)]).output
    assert "column Pleural Thickening is not taken for a label: no label may be called so" in said
    assert check_data(films, names=("Nodule",)).not_taken == {}, "the others were left out by the one who asked"


def test_masks_of_the_films_are_no_stray_films(films: Path) -> None:
    picture = Path(table(films)[0]["file"])
    (films / "masks").mkdir()
    for name in (f"{picture.stem}.Nodule.png", "nobody.Nodule.png"):
        shutil.copy(films / picture, films / "masks" / name)
    found = check_data(films)
    assert (found.not_listed, found.other_files) == (("masks/nobody.Nodule.png",), 1)


def test_a_mark_at_the_border_and_a_column_give_a_label_away(phantoms: Path, tmp_path: Path) -> None:
    films = Path(shutil.copytree(phantoms, tmp_path / "films"))
    rows = table(films)
    for row in rows:
        on = row["Cardiomegaly"] == "1"
        row["scanner"] = "north" if on else "south"
        if on:
            film = np.array(Image.open(films / row["file"]).convert("L"))
            film[: len(film) // 20, : film.shape[1] // 8] = 255
            Image.fromarray(film).save(films / row["file"])
    write(films, rows)
    names = ("Cardiomegaly", "Effusion", "Consolidation", "Nodule", "Pneumothorax")
    found = check_data(films, names=names)
    away = {one.told_by: one for one in found.shortcuts if one.given_away and one.label == "Cardiomegaly"}
    assert {"border", "column:scanner"} <= set(away)
    assert away["column:scanner"].auc == 1
    assert {(value.value, value.share) for value in away["column:scanner"].values} == {("north", 1.0), ("south", 0.0)}
    assert all(0.6 < (one.low or 0) <= one.auc <= (one.high or 0) for one in away.values())
    assert [one for one in found.shortcuts if one.given_away and one.label != "Cardiomegaly"] == []


def test_classes_of_a_text_column_are_labels(films: Path) -> None:
    rows = [{**row, "kind": "sick" if row["Nodule"] == "1" else "well"} for row in table(films)]
    write(films, rows)
    assert check_data(films).labels["sick"] == "kind", "without being told, every column that can be is one"
    found = check_data(films, column="kind")
    assert found.labels == {"sick": "kind", "well": "kind"}
    sick, well = (found.splits["train"].labels[name] for name in ("sick", "well"))
    assert (sick.positives, sick.negatives) == (well.negatives, well.positives)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda rows: [{k: v for k, v in row.items() if k != "group"} for row in rows], "DATA-COLUMN"),
        (lambda rows: [{**row, "split": "trian"} for row in rows], "DATA-VALUE"),
        (lambda rows: [{**row, "group": "nan"} for row in rows], "DATA-VALUE"),
        (lambda rows: [{**row, "file": "../" + row["file"]} for row in rows], "DATA-PATH"),
    ],
)
def test_a_broken_table_is_refused(films: Path, change: Callable[[list[Row]], list[Row]], code: str) -> None:
    write(films, change(table(films)))
    with pytest.raises(InputError, match=code):
        check_data(films)


def test_a_folder_that_is_no_set_is_refused(films: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="DATA-MISSING"):
        check_data(tmp_path / "empty")
    with pytest.raises(InputError, match="DATA-COLUMN") as caught:
        check_data(films, names=["Noduel"])
    assert caught.value.choices[0] == "Nodule"
    with pytest.raises(InputError, match="DATA-COLUMN"):
        check_data(films, column="Nodule")
    (films / "labels.csv").write_text("file,group,split\n")
    with pytest.raises(InputError, match="DATA-VALUE"):
        check_data(films)


def test_the_command_fails_for_leaks_alone(films: Path) -> None:
    def run() -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["data", "check", str(films)], standalone_mode=False)
        assert done.exception is None, done.output
        return done.return_value, done.stdout

    rows = table(films)
    (films / rows[0]["file"]).write_bytes(b"")
    status, said = run()
    assert (status, "films that cannot be read: 1" in said, "IMG-TRUNCATED" in said) == (0, True, True)
    assert said.splitlines()[-1] == "no leak found between splits"
    shutil.copy(films / first(rows[1:], "train")["file"], films / first(rows, "test")["file"])
    status, said = run()
    assert status == 1
    assert "same bytes: " in said
    assert "between splits: figures on these films would be too good" in said.splitlines()[-1]


@pytest.mark.slow
def test_the_source_gives_the_class_away_in_real_films_and_one_patient_leaks(cxr_data: Path) -> None:
    """Reads 1,250 films: two of one patient, under two names, are in train and test."""
    found = check_data(cxr_data / "cxr_covid", column="label")
    told = {(one.label, one.told_by): one for one in found.shortcuts}
    assert told["covid19", "column:source"].auc > 0.9
    assert all(told["covid19", by].given_away for by in ("column:source", "file", "border"))
    assert (found.read, found.unreadable, found.patient_leaks) == (1250, (), ())
    (pair,) = found.pairs
    assert pair.leaks
    assert {pair.one.patient, pair.other.patient} == {"coh-193", "coh-195"}


def test_real_films_of_a_set_without_faults_have_no_leak(cxr_data: Path, tmp_path: Path) -> None:
    """A hundred films of one size, and copies of two of them in another split under other names."""
    source = cxr_data / "cxr_multilabel64"
    rows = table(source)[:100]
    for row in rows:
        (tmp_path / row["file"]).parent.mkdir(exist_ok=True)
        shutil.copy(source / row["file"], tmp_path / row["file"])
    write(tmp_path, rows)
    assert check_data(tmp_path).leaking == 0
    origin = next(row for row in rows if row["split"] == "train")
    image = Image.open(source / origin["file"]).convert("L")
    cropped = image.crop((2, 1, image.width, image.height))
    brighter = image.point([min(255, int(level * 1.15)) for level in range(256)])
    for name, made in (("cropped", cropped), ("brighter", brighter)):
        made.save(tmp_path / "images" / f"{name}.png")
        rows.append({**origin, "file": f"images/{name}.png", "group": name, "split": "test"})
    write(tmp_path, rows)
    found = check_data(tmp_path)
    leaks = {pair.other.file for pair in found.pairs if pair.leaks and pair.one.file == origin["file"]}
    assert leaks == {"images/cropped.png", "images/brighter.png"}
    assert found.leaking == 2
