"""``python benchmarks/near_duplicates.py [SET...]``: how alike films of two patients are, and a film and its copies.

For each set in ``CXR_DATA``: the correlation that ``cxredge data check`` takes, of every film with the likest film of
another patient, and of some films with copies of them that were re-encoded, resized, made brighter, or cropped. The
threshold ``cxredge.data.near.NEAR`` was chosen by this. Prints Markdown; nothing is written.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cxredge.data.check_rows import read_rows
from cxredge.data.film_facts import film_facts, thumbnail
from cxredge.data.near import NEAR, near_pairs
from cxredge.data.root import data_root
from cxredge.images.read import read_film
from cxredge.recipe_input import InputSpec

SETS = ("cxr_covid", "cxr_multilabel", "cxr_multilabel64", "cxr_pneumonia_paed", "ct_covid")
COPIED = 100
SPEC = InputSpec(channels=1, height=32, width=32, fit="squash")


def copies(film: NDArray[np.uint8]) -> Iterator[tuple[str, Image.Image]]:
    """What other people's data sets do to a film."""
    image = Image.fromarray(film)
    width, height = image.size
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=50)
    yield "JPEG of quality 50", Image.open(stream)
    yield "60 % of the size", image.resize((width * 6 // 10, height * 6 // 10), Image.Resampling.BICUBIC)
    yield "gamma 0.7", Image.fromarray(np.uint8(np.rint((film / 255) ** 0.7 * 255)))
    yield "contrast 1.3, clipped", Image.fromarray(np.uint8(np.clip(film * 1.3 - 30, 0, 255)))
    for share in (0.01, 0.02, 0.04, 0.05, 0.08):
        x, y = round(width * share), round(height * share)
        yield f"cropped by {share:.0%} a side", image.crop((x, y, width - x, height - y))
    yield "cropped by 4 % left, 2 % above", image.crop((round(width * 0.04), round(height * 0.02), width, height))


def main() -> None:
    print("| set | films against | least | 1 % | median | 99 % | greatest | found |\n|---|---|---|---|---|---|---|---|")
    for name in sys.argv[1:] or SETS:
        folder = data_root() / name
        rows = read_rows(folder).rows
        films = np.stack([film_facts(row.source).thumbnail for row in rows])
        names = {key: at for at, key in enumerate({row.key: None for row in rows})}
        patients = [names[row.key] for row in rows]
        start = perf_counter()
        likest = np.full(len(rows), -1.0)
        for i, j, found in near_pairs(films, patients, least=-1)[0]:
            likest[[i, j]] = np.maximum(likest[[i, j]], found)
        seconds = perf_counter() - start
        bound = near_pairs(films, patients)[1]
        print(f"{name}: called one picture from {bound:.4f} on", file=sys.stderr)
        say(name, f"the likest of other patients ({seconds:.0f} s for {len(rows)})", likest)
        chosen = np.random.default_rng(0).choice(len(rows), min(COPIED, len(rows)), replace=False)
        kinds: dict[str, list[tuple[int, NDArray[np.uint8]]]] = {}
        for at in chosen:
            for kind, image in copies(read_film(rows[at].source, SPEC)):
                kinds.setdefault(kind, []).append((int(at), thumbnail(np.asarray(image))))
        for kind, made in kinds.items():
            together = np.concatenate([films, np.stack([small for _, small in made])])
            owners = [*patients, *range(-1, -1 - len(made), -1)]
            pairs = {(i, j): found for i, j, found in near_pairs(together, owners, least=-1)[0]}
            say(name, kind, np.array([pairs.get((at, len(films) + k), -1.0) for k, (at, _) in enumerate(made)]))


def say(name: str, kind: str, found: NDArray[np.floating]) -> None:
    low, middle, high = np.quantile(found, [0.01, 0.5, 0.99])
    print(
        f"| {name} | {kind} | {found.min():.3f} | {low:.3f} | {middle:.3f} | {high:.3f} | {found.max():.3f} "
        f"| {(found >= NEAR).mean():.1%} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
