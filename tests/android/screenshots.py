"""Writes docs/screenshots/ from the pictures that the Android app's tests took.
Run from the repository's root after `make test-android`.
"""

from __future__ import annotations

from pathlib import Path

from PIL import Image

CHOSEN = (
    "verdict-light", "result-light", "result-dark", "result-fr", "class-light", "uncertain-light",
    "quality-asked-light", "colour-light", "failed-light", "refused-log-light", "about-light",
)  # fmt: skip
WIDTH = 320
TALLEST = 1024
"""Longer pages are cut: what is below is more of the same."""
COLOURS = 256


def write(source: Path, goal: Path) -> None:
    """Every chosen picture, reduced and with a palette; the same pictures give the same bytes."""
    goal.mkdir(parents=True, exist_ok=True)
    for name in CHOSEN:
        with Image.open(source / f"{name}.png") as shot:
            size = (WIDTH, round(shot.height * WIDTH / shot.width))
            small = shot.convert("RGB").resize(size, Image.Resampling.LANCZOS)
        cut = small.crop((0, 0, WIDTH, min(TALLEST, small.height)))
        file = goal / f"{name}.png"
        cut.quantize(COLOURS, dither=Image.Dither.NONE).save(file, optimize=True)
        print(f"{file}: {file.stat().st_size} bytes")


if __name__ == "__main__":
    write(Path("android-app/app/target/screenshots"), Path("docs/screenshots"))
