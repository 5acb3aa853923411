"""A film for whoever needs one that no person was in front of."""

from __future__ import annotations

from pathlib import Path


def write_phantom_dicom(path: Path) -> None:
    """A phantom as an 8-bit DICOM file."""
    from cxredge.phantoms.render import render, sample_patients
    from cxredge.recipe_data import PhantomData
    from cxredge.vectors.sources import dicom

    film = sample_patients(PhantomData(source="phantom", seed=5, patients={"test": 1}))[0]
    path.write_bytes(dicom(render(film).grey, bits=8))
