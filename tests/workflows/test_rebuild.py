"""Two builds from nothing are the same, and where they are not the first difference is named."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bundle.make_fixture import COMMON, FINDINGS
from cxredge.errors import EXIT_GATE, InputError, ProofFailed
from cxredge.workflows.rebuild import compare, first_difference, rebuild
from support.bundles import V2


def test_the_first_difference_is_an_offset(tmp_path: Path) -> None:
    long = bytes(3_000_000)
    one, two = tmp_path / "one", tmp_path / "two"
    for a, b, offset in (
        (b"", b"", None),
        (b"", b"x", 0),
        (b"abc", b"abd", 2),
        (b"abc", b"ab", 2),
        (long, long, None),
        (long, long[:2_500_000] + b"\1" + long[2_500_001:], 2_500_000),
        (long[: 1 << 20], long[: (1 << 20) + 1], 1 << 20),
    ):
        one.write_bytes(a)
        two.write_bytes(b)
        assert first_difference(one, two) == first_difference(two, one) == offset


def test_folders_differ_by_names_and_bytes_but_not_by_a_signature(signed: Path) -> None:
    (signed / "model.sig").unlink()
    compare(signed, V2 / "bundle")
    model = next((signed / "artifacts").rglob("*.tflite"))
    data = bytearray(model.read_bytes())
    data[1234] ^= 1
    model.write_bytes(data)
    with pytest.raises(ProofFailed, match=r"artifacts/tflite/w8a8.tflite differs from byte 1234") as caught:
        compare(signed, V2 / "bundle")
    assert (caught.value.code, caught.value.exit_code) == ("REBUILD-DIFFERS", EXIT_GATE)
    (signed / "more").write_text("x")
    with pytest.raises(ProofFailed, match="more is in one of them only"):
        compare(V2 / "bundle", signed)


def recipe_without_weights(folder: Path) -> None:
    text = COMMON.format(name="fixture", backbone="timm/test_efficientnet", rank=2, side=64, digest="0" * 64) + FINDINGS
    folder.mkdir(exist_ok=True)
    (folder / "model.yaml").write_text(text)


def test_a_build_that_fails_is_no_proof(tmp_path: Path) -> None:
    recipe_without_weights(tmp_path)
    with pytest.raises(InputError, match="REBUILD-FAILED"):
        rebuild(tmp_path, (), ())


@pytest.mark.parametrize("name", ["-tiny", "--out", "--targets=x"])
def test_a_place_that_begins_with_a_dash_is_no_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    """The build gets as far as in a folder of another name."""
    recipe_without_weights(tmp_path / name)
    recipe_without_weights(tmp_path / "plain")
    monkeypatch.chdir(tmp_path)
    said = []
    for place in ("plain", name):
        with pytest.raises(InputError, match="REBUILD-FAILED"):
            rebuild(Path(place), (), ())
        said.append(capfd.readouterr().err.replace(name, "plain"))
    assert said[0] == said[1]
    assert "error [" in said[0]


def test_a_given_bundle_must_be_whole(signed: Path, tmp_path: Path) -> None:
    shutil.rmtree(signed / "selftest")
    with pytest.raises(InputError, match="BUNDLE-FILES"):
        rebuild(tmp_path, (), (), [signed])
