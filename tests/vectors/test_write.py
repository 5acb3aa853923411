from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from cxredge.cli.vectors import vectors
from cxredge.errors import InputError
from cxredge.images.preprocess import fit, preprocess
from cxredge.images.read import read_film
from cxredge.images.refuse import __doc__ as codes
from cxredge.images.resample import resample
from cxredge.recipe_input import InputSpec

COMMITTED = Path(__file__).resolve().parents[1] / "vectors"


@pytest.fixture(scope="module")
def manifest() -> dict[str, Any]:
    return json.loads((COMMITTED / "vectors.json").read_text("utf-8"))


def array(entry: dict[str, Any]) -> np.ndarray:
    return np.frombuffer((COMMITTED / entry["file"]).read_bytes(), np.uint8).reshape(entry["shape"])


def tree(folder: Path) -> dict[str, bytes]:
    names = [folder / "vectors.json", folder / "decisions.json", *(folder / "preprocess").iterdir()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in names}


def test_committed_vectors_are_current(tmp_path: Path) -> None:
    result = CliRunner().invoke(vectors, [str(tmp_path / "out")], catch_exceptions=False)
    assert result.exit_code == 0
    fresh, committed = tree(tmp_path / "out"), tree(COMMITTED)
    assert sorted(fresh) == sorted(committed)
    differ = [name for name in fresh if fresh[name] != committed[name]]
    assert not differ, "run `make vectors`"
    assert sum(map(len, committed.values())) < 1_000_000


def test_every_file_has_its_hash_and_none_is_left_over(manifest: dict[str, Any]) -> None:
    entries = [case["source"] for case in manifest["films"] + manifest["refusals"]]
    entries += [stage for case in manifest["films"] for stage in case["stages"].values()]
    entries += [case[side] for case in manifest["resizes"] for side in ("input", "output")]
    for entry in entries:
        assert hashlib.sha256((COMMITTED / entry["file"]).read_bytes()).hexdigest() == entry["sha256"]
    assert {entry["file"] for entry in entries} == {
        f"preprocess/{p.name}" for p in (COMMITTED / "preprocess").iterdir()
    }


def test_stages_follow_from_each_other_by_the_specification(manifest: dict[str, Any]) -> None:
    for case in manifest["films"]:
        spec = InputSpec.model_validate(case["spec"])
        source = (COMMITTED / case["source"]["file"]).read_bytes()
        grey, fitted, resized = (array(case["stages"][stage]) for stage in ("grey", "fitted", "resized"))
        np.testing.assert_array_equal(read_film(source, spec), grey, err_msg=case["name"])
        np.testing.assert_array_equal(fit(grey, spec), fitted, err_msg=case["name"])
        np.testing.assert_array_equal(resample(fitted, spec.height, spec.width), resized, err_msg=case["name"])
        planes = resized[np.newaxis] if resized.ndim == 2 else resized.transpose(2, 0, 1)
        np.testing.assert_array_equal(preprocess(source, spec), planes, err_msg=case["name"])


def test_resizes_follow_the_specification(manifest: dict[str, Any]) -> None:
    for case in manifest["resizes"]:
        output = array(case["output"])
        np.testing.assert_array_equal(resample(array(case["input"]), *output.shape), output)


def test_refusals_are_refused_by_their_codes(manifest: dict[str, Any]) -> None:
    for case in manifest["refusals"]:
        with pytest.raises(InputError) as refusal:
            read_film((COMMITTED / case["source"]["file"]).read_bytes(), InputSpec.model_validate(case["spec"]))
        assert refusal.value.code == case["code"], case["name"]
        assert case["code"] in (codes or "")


def test_cases_cover_every_rule(manifest: dict[str, Any]) -> None:
    names = " ".join(case["name"] for case in manifest["films"])
    for word in (
        "linear",
        "linear-exact",
        "sigmoid",
        "voi-lut",
        "modality-lut",
        "signed",
        "mono1",
        "min-max",
        "grey16",
    ):
        assert word in names
    assert {case["spec"]["fit"] for case in manifest["films"]} == {"pad", "crop", "squash"}
    assert {case["spec"]["channels"] for case in manifest["films"]} == {1, 3}
    assert [case["name"] for case in manifest["films"] if not case["exact"]]
    # a stage that ends in one flat grey proves nothing; only what is one pixel before the resize may
    flat = [c["name"] for c in manifest["films"] if len(np.unique(array(c["stages"]["resized"]))) < 3]
    assert flat == ["one-row.png"]
