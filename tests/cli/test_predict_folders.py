"""``cxredge predict`` on folders with what a stranger put there: on the frozen bundle, which needs no build."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from cxredge.cli.main import cli
from cxredge.cli.predict import predict
from cxredge.errors import InputError
from cxredge.files import sha256_file
from cxredge.vectors.sources import dicom, scene
from cxredge.workflows import predict as workflow
from support.bundles import changed, sealed
from support.command import ROOT
from support.deep_folder import deepen

BUNDLE = ROOT / "tests" / "bundle" / "fixtures" / "v2" / "bundle"
FILM = BUNDLE / "selftest" / "phantom-0.png"
HARMFUL = "\x1b[2J\x9b2J\u202eb\x7f\udcff"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(predict, [str(BUNDLE), *map(str, arguments)], standalone_mode=False)


def code_of(*arguments: str | Path) -> str:
    error = run(*arguments).exception
    assert isinstance(error, InputError)
    return error.code


def test_json_of_a_film_with_a_harmful_name_is_ascii_and_reads_back(tmp_path: Path) -> None:
    for folder in ("good", "bad"):
        (tmp_path / folder).mkdir()
    shutil.copy(FILM, tmp_path / "good" / f"{HARMFUL}.png")
    (tmp_path / "bad" / f"{HARMFUL}.png").touch()
    done = run(tmp_path, "--json")
    assert done.return_value == 2, done.exception
    assert all(c == "\n" or " " <= c <= "~" for c in done.stdout)
    bad, good = json.loads(done.stdout)
    assert bad["film"] == str(tmp_path / "bad" / f"{HARMFUL}.png")
    assert set(bad["error"]) == {"code", "cause", "fix"}
    assert bad["error"]["code"] == "IMG-TRUNCATED"
    assert good["film"] == str(tmp_path / "good" / f"{HARMFUL}.png")
    assert good["findings"]


def test_hidden_folders_and_links_to_folders_are_left_out(tmp_path: Path) -> None:
    for name in ("b/1.png", ".git/2.png", ".3.png"):
        (tmp_path / "films" / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FILM, tmp_path / "films" / name)
    (tmp_path / "elsewhere").mkdir()
    shutil.copy(FILM, tmp_path / "elsewhere" / "4.png")
    (tmp_path / "films" / "link").symlink_to(tmp_path / "elsewhere")
    done = run(tmp_path / "films", "--json")
    assert done.return_value == 0, done.exception
    found: list[Any] = json.loads(done.stdout)
    assert [film["film"] for film in found] == [str(tmp_path / "films" / "b" / "1.png")]
    shutil.rmtree(tmp_path / "films" / "b")
    assert code_of(tmp_path / "films") == "PREDICT-EMPTY"


def test_a_data_sets_tables_are_left_out_and_damaged_films_are_told(tmp_path: Path) -> None:
    shutil.copy(FILM, tmp_path / "a.png")
    shutil.copy(FILM, tmp_path / "no-suffix")
    (tmp_path / "cut.png").write_bytes(FILM.read_bytes()[:500])
    (tmp_path / "1.2.840.113").write_bytes(b"\0" * 64 + b"DI")
    for name in ("labels.csv", "README.md", "SHA256SUMS", "notes.pdf"):
        (tmp_path / name).write_text("file,group\n\u00e9")
    done = run(tmp_path, "--json")
    assert done.return_value == 2, done.exception
    told = {Path(film["film"]).name: film.get("error", {}).get("code") for film in json.loads(done.stdout)}
    assert told == {"a.png": None, "no-suffix": None, "cut.png": "IMG-TRUNCATED", "1.2.840.113": "IMG-FORMAT"}
    assert "4 files that are no films left out: README.md, SHA256SUMS, labels.csv and 1 more" in done.stderr
    # named by itself, it is asked for
    assert run(tmp_path / "labels.csv").return_value == 2
    for name in told:
        (tmp_path / name).unlink()
    assert code_of(tmp_path) == "PREDICT-EMPTY"


def test_a_folder_of_too_many_files_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workflow, "MAX_FILES", 2)
    for i in range(3):
        (tmp_path / str(i)).touch()
    assert code_of(tmp_path) == "PREDICT-MANY"


def test_a_folder_that_cannot_be_searched_is_told_and_the_others_go_on(tmp_path: Path) -> None:
    shutil.copy(FILM, tmp_path / "a.png")
    (tmp_path / "b").mkdir()
    deepen(tmp_path / "b")
    done = run(tmp_path, "--json")
    subprocess.run(["rm", "-rf", tmp_path / "b"], check=True)
    assert done.return_value == 2, done.exception
    found, closed = json.loads(done.stdout)
    assert found["findings"]
    assert closed["film"].startswith(f"{tmp_path}/b/d/d/")
    assert closed["error"]["code"] == "IMG-MISSING"


@pytest.mark.parametrize(
    "arguments",
    [
        ("predict", BUNDLE, ""),
        ("predict", BUNDLE, "film.png", "--artifact", ""),
        ("field", ""),
        ("build", "model_zoo/phantom", "--targets="),
        ("keygen", ""),
    ],
)
def test_an_empty_argument_is_neither_this_folder_nor_all(arguments: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, list(map(str, arguments)))
    assert done.exit_code == 2
    assert "an argument is empty" in done.output


@pytest.mark.parametrize("targets", [",", "onnx,", " ", "onnx,,tflite"])
def test_a_list_of_words_has_no_empty_one(targets: str) -> None:
    done = CliRunner().invoke(cli, ["plan", "model_zoo/phantom", "--targets", targets])
    assert done.exit_code == 2
    assert "no list of words" in done.output


def test_the_hash_is_of_the_film_that_was_answered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is replaced while its film is looked at gives that film's hash, not the other's."""
    film = shutil.copy(FILM, tmp_path / "film.png")
    right = workflow.preprocess

    def replacing(*arguments: Any) -> Any:
        shutil.copy(BUNDLE / "selftest" / "phantom-1.png", film)
        return right(*arguments)

    monkeypatch.setattr(workflow, "preprocess", replacing)
    (record,) = json.loads(run(film, "--json").stdout)
    assert record["film_sha256"] == sha256_file(FILM) != sha256_file(film)


def test_a_label_without_a_heatmap_is_told(tmp_path: Path) -> None:
    done = CliRunner().invoke(cli, ["predict", str(BUNDLE), "film.png", "--label", "opacity"])
    assert done.exit_code == 2
    assert "--heatmap" in done.output


def test_a_film_of_another_kind_is_named_or_refused(tmp_path: Path) -> None:
    bundle = shutil.copytree(BUNDLE, tmp_path / "bundle")
    tree = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(sealed(changed(tree, ("model", "input", "modalities"), ["CR", "DX"])))
    film = tmp_path / "slice.dcm"
    film.write_bytes(dicom(scene(80, 70, 0, 255), bits=8, Modality="MR"))

    def asked(*options: str) -> Result:
        arguments = [str(bundle), str(film), str(FILM), *options]
        return CliRunner().invoke(predict, arguments, standalone_mode=False)

    refused = asked()
    assert refused.return_value == 2, refused.exception
    assert "error [IMG-MODALITY]: slice.dcm is of modality MR, which this model does not take" in refused.stderr
    assert "choices: CR, DX" in refused.stderr
    assert "--other-kinds" in refused.stderr
    assert "phantom-0.png" in refused.stdout
    first, second = json.loads(asked("--json").stdout)
    assert first["error"]["code"] == "IMG-MODALITY"
    assert second["passed_over"] == []
    gone_on = asked("--other-kinds")
    assert gone_on.return_value == 0, gone_on.exception
    assert gone_on.stdout.count("warning: modality MR: not the kind of film that this model takes") == 1
    first, second = json.loads(asked("--other-kinds", "--json").stdout)
    assert (first["passed_over"], second["passed_over"]) == (["modality MR"], [])
