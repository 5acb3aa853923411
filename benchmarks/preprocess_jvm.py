"""Times of the Android core's preprocessing on a JVM, beside Pillow's, on one drawn film of twelve megapixels.

Run after ``mvn -pl core test-compile`` in ``android-app``: ``preprocess_jvm.py --kotlin PATH-OF-kotlin-stdlib.jar``.
Both take turns in one run on the same file; a ratio is that of the shortest times, which other work disturbs least.
``decode and resize`` reads a PNG file; ``resize`` starts from decoded rows, as after a platform's JPEG decoder, whose
own time is not measured here.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import tempfile
import time
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
CLASSES = [ROOT / "android-app" / "core" / "target" / name for name in ("classes", "test-classes")]
HEIGHT, WIDTH = 4000, 3000
SIDES = (192, 224)
WARM_UP, ROUNDS = 10, 30


def film() -> NDArray[np.uint8]:
    """uint8[HEIGHT, WIDTH]: soft shapes with a detector's noise, as hard to compress as a film."""
    rng = np.random.Generator(np.random.PCG64(0))
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32) / WIDTH
    level = 120 + 60 * np.sin(3 * x) * np.cos(2 * y) + 25 * np.sin(40 * x) * (np.abs(y - 0.6) < 0.4)
    return np.clip(level + rng.normal(0, 2, level.shape), 0, 255).astype(np.uint8)


def pillow(source: bytes | NDArray[np.uint8], side: int) -> tuple[float, str]:
    """Milliseconds and the result's SHA-256. source: a PNG file, or its pixels."""
    start = time.perf_counter()
    image = Image.open(BytesIO(source)) if isinstance(source, bytes) else Image.fromarray(source)
    image = image.resize((side, image.height), Image.Resampling.BILINEAR)
    image = image.resize((side, side), Image.Resampling.BILINEAR)
    return (time.perf_counter() - start) * 1e3, hashlib.sha256(image.tobytes()).hexdigest()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kotlin", type=Path, required=True, help="the kotlin-stdlib jar")
    path = ":".join(map(str, [*CLASSES, parser.parse_args().kotlin]))
    pixels = film()
    out = BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    png = out.getvalue()
    print(f"a film of {HEIGHT} x {WIDTH}, {len(png) / pixels.size:.2f} bytes a pixel; shortest of {ROUNDS} turns, ms")
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder, "film.png"), Path(folder, "film.u8")
        files[0].write_bytes(png)
        files[1].write_bytes(pixels.tobytes())
        for side in SIDES:
            command = ["java", "-cp", path, "org.cxredge.core.film.PreprocessTimes", *map(str, files)]
            with subprocess.Popen(
                [*command, str(HEIGHT), str(WIDTH), str(side)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            ) as jvm:
                assert jvm.stdin is not None
                assert jvm.stdout is not None
                for line, what, source in (("png", "decode and resize", png), ("rows", "resize", pixels)):
                    ours, theirs = [], []
                    for _ in range(WARM_UP + ROUNDS):
                        print(line, file=jvm.stdin, flush=True)
                        took, digest = jvm.stdout.readline().split()
                        reference, expected = pillow(source, side)
                        if digest != expected:
                            raise SystemExit(f"{what} to {side}: other pixels than Pillow's")
                        ours.append(float(took))
                        theirs.append(reference)
                    jvm_ms, pillow_ms = (min(times[WARM_UP:]) for times in (ours, theirs))
                    ratio = jvm_ms / pillow_ms
                    print(f"{what:18} to {side}: JVM {jvm_ms:6.1f}, Pillow {pillow_ms:6.1f}, ratio {ratio:.2f}")
                jvm.stdin.close()


if __name__ == "__main__":
    main()
