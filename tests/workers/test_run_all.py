"""A stack of pictures is run one film at a time, and what comes out is written as it would be at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from cxredge.errors import EnvironmentProblem, InputError
from cxredge.images.pixel_file import PixelFile, write_pixels
from cxredge.outputs import write_outputs
from cxredge.outputs_layout import record_of
from cxredge.targets.runner import Runner
from cxredge.workers.jobs import run
from cxredge.workers.jobs.run import run_all
from support.outputs_files import RECORD

SAID = {name: RECORD[name] for name in ("artifact", "artifact_sha256", "films_sha256", "runtime")}


class Corners(Runner):
    """Answers what the picture's corners are; from the film with the level ``odd`` on with a map less."""

    def __init__(self, odd: int = 256, extra: bool = False) -> None:
        super().__init__("corners")
        self._odd, self._extra = odd, extra

    def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
        cam = image[:, :1, :2, :2].repeat(2, 1)
        if image.max() >= self._odd:
            if self._extra:
                return {"logits": cam.mean((2, 3)), "cam": cam, "novelty": np.ones(1, np.float32)}
            cam = cam[:, :, :1]
        return {"logits": cam.mean((2, 3)), "cam": cam}


def pictures(count: int) -> NDArray[np.uint8]:
    found = np.zeros((count, 1, 4, 4), np.uint8)
    found[:, 0, :2, :2] = np.arange(4 * count).reshape(count, 2, 2)
    return found


@pytest.mark.parametrize("held", [1, 100, 2**20])
@pytest.mark.parametrize("count", [1, 7])
def test_what_is_written_is_what_every_film_gave(
    held: int, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "HELD", held)
    stack, file = pictures(count), tmp_path / "said"
    write_pixels(tmp_path / "pixels", (1, 4, 4), stack)
    took = run_all(Corners(), PixelFile.open(tmp_path / "pixels"), file, record_of(file, **SAID))
    assert took > 0
    cam = stack[:, :, :2, :2].astype(np.float32).repeat(2, 1)
    write_outputs(tmp_path / "whole", **SAID, outputs={"logits": cam.mean((2, 3)), "cam": cam})
    assert file.read_bytes() == (tmp_path / "whole").read_bytes()


@pytest.mark.parametrize(("extra", "name"), [(False, "cam"), (True, "novelty")])
def test_a_runner_whose_outputs_change_is_refused(extra: bool, name: str, tmp_path: Path) -> None:
    file = tmp_path / "said"
    with pytest.raises(EnvironmentProblem, match=rf"RUN-SHAPE.*corners changed the shape of {name}"):
        run_all(Corners(12, extra), pictures(7), file, record_of(file, **SAID))


def test_a_negative_novelty_is_refused(tmp_path: Path) -> None:
    class Negative(Corners):
        def _run_impl(self, image: NDArray[np.float32]) -> Mapping[str, NDArray[np.float32]]:
            return {**super()._run_impl(image), "novelty": np.full(1, -1, np.float32)}

    file = tmp_path / "said"
    with pytest.raises(InputError, match=r"OUTPUTS-FORMAT.*novelty is negative"):
        run_all(Negative(), pictures(3), file, record_of(file, **SAID))
