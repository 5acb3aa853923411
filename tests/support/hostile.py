"""What no path should be: places, names and contents that a command may be given in the stead of what it wants."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from support.bundles import V2, sealed
from support.command import ROOT
from support.deep_folder import deepen

CASES = ROOT / "tests" / "cases"
SUFFIXES = ("", ".json", ".yaml", ".pub", ".png", ".dcm", ".onnx", ".pte", ".tflite", ".mlpackage", ".mlpackage.zip")
"""Names that tell a command what to read a file as."""
NAMES = {
    "not UTF-8": os.fsdecode(b"film\xff\xfe"),
    "escapes": "film\x1b[2J\x1b]0;x\x07",
    "turned": "film\u202egnp.exe",
    "unseen": "fi\u200blm\u2060\ufeff\u3164\ufe0f",
    "lines": "film\nerror [FORGED]: x\r",
    "backslash": "..\\film",
    "quotes": "'film\"$(x)`",
    "long": "f" * 255,
}
CONTENTS: dict[str, bytes] = {
    "empty": b"",
    "NUL": b"\0" * 64,
    "noise": bytes(range(256)) * 16,
    "list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "deep maps": b'{"a":' * 100_000,
    "closed deep": b"[" * 5_000 + b"]" * 5_000,
    "twice": b'{"a": 1, "a": 2}',
    "NaN": b'{"results": 1, "manifest": 2, "field_log": 2, "x": NaN}',
    "digits": b'{"manifest": ' + b"9" * 10_000 + b"}",
    "surrogate": b'{"\\ud800": "\\udfff"}',
    "mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "Latin-1": "é: ü".encode("latin-1"),
    "gzip": gzip.compress(b"\0" * 1_000_000),
}
SPARSE = 8 << 30


def make(folder: Path) -> dict[str, str]:
    """Fill an empty folder, and give each thing in it, and what is not in it, by what is wrong with it."""
    good = folder / "file"
    good.write_text("words\n")
    (folder / "folder").mkdir()
    (folder / "open").mkdir()
    found = {
        "nothing": "",
        "here": ".",
        "above": "..",
        "root": "/",
        "kernel": "/proc/self",
        "dash": "-",
        "a file": str(good),
        "a slash more": f"{good}/",
        "a folder": str(folder / "folder"),
        "below a file": str(good / "below"),
        "below nothing": str(folder / "no" / "such" / "place"),
        "name too long": str(folder / ("n" * 300)),
        "path too long": str(folder / "/".join(["p" * 200] * 30)),
        "device without data": "/dev/null",
        "device without space": "/dev/full",
        "device without end": "/dev/zero",
        "terminal": "/dev/tty",
        **_links(folder),
        **_closed(folder),
        **{f"name: {what}": _written(folder / "names" / name) for what, name in NAMES.items()},
        **{f"no file, name: {what}": str(folder / "open" / name) for what, name in NAMES.items()},
    }
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        os.chdir(folder)  # names of sockets are short
        listener.bind("socket")
    found |= {"pipe": str(folder / "pipe"), "socket": str(folder / "socket")}
    (folder / "deep").mkdir()
    deepen(folder / "deep")
    found["folders too deep"] = str(folder / "deep")
    for suffix in SUFFIXES:
        place = folder / f"sparse{suffix}"
        with place.open("wb") as stream:
            stream.truncate(SPARSE)
        found[f"8 GiB of nothing{suffix}"] = str(place)
        for what, data in CONTENTS.items():
            found[f"{what}{suffix}"] = _written(folder / "contents" / f"{what}{suffix}", data)
        (folder / f"a folder{suffix or '.x'}").mkdir()
        found[f"a folder{suffix or '.x'}"] = str(folder / f"a folder{suffix or '.x'}")
    for case in sorted(CASES.iterdir()):
        found[f"case {case.name}"] = shutil.copy(case, folder)
    for name in ("model.yaml", "manifest.json", "model.sig", "labels.csv"):
        found |= _instead_of(folder / "inside", name, folder)
    return found | _bundles(folder / "bundles")


def _written(place: Path, data: bytes = b"words\n") -> str:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return str(place)


def _links(folder: Path) -> dict[str, str]:
    for name, goal in (("dangling", "no-such-file"), ("loop", "loop"), ("a", "b"), ("b", "a"), ("to-folder", "folder")):
        (folder / name).symlink_to(goal)
    return {
        "dangling link": str(folder / "dangling"),
        "link to itself": str(folder / "loop"),
        "looping links": str(folder / "a"),
        "below a looping link": str(folder / "a" / "b"),
        "link to a folder": str(folder / "to-folder"),
    }


def _closed(folder: Path) -> dict[str, str]:
    """Whom permissions bind may not read or write these: ``unprivileged.bound`` says of the first."""
    places = {"closed file": folder / "closed", "closed folder": folder / "locked", "folder to read": folder / "read"}
    places["closed file"].write_text("words\n")
    for place in (places["closed folder"], places["folder to read"]):
        place.mkdir()
        (place / "below").write_text("words\n")
    for place, mode in zip(places.values(), (0, 0, 0o500), strict=True):
        place.chmod(mode)
    return {
        **{what: str(place) for what, place in places.items()},
        "file in a closed folder": str(places["closed folder"] / "below"),
        "new file in a folder to read": str(places["folder to read"] / "new"),
    }


def _instead_of(folder: Path, name: str, of: Path) -> dict[str, str]:
    """Folders in which the file that a command looks for is something else."""
    ways: dict[str, Callable[[Path], object]] = {
        "a folder": lambda place: place.mkdir(),
        "a pipe": lambda place: os.mkfifo(place),
        "closed": lambda place: (place.write_text("{}"), place.chmod(0)),
        "a loop": lambda place: place.symlink_to(name),
        "a link to a device": lambda place: place.symlink_to("/dev/zero"),
        "8 GiB": lambda place: place.symlink_to(of / "sparse.json"),
        "empty": lambda place: place.write_bytes(b""),
        "a list": lambda place: place.write_bytes(b"[]"),
        "deep": lambda place: place.write_bytes(b"[" * 100_000),
    }
    found = {}
    for what, make_it in ways.items():
        place = folder / f"{name} {what}"
        place.mkdir(parents=True)
        make_it(place / name)
        found[f"{name}: {what}"] = str(place)
    return found


def _bundles(folder: Path) -> dict[str, str]:
    """Bundles that were changed: some so that every hash is right."""
    folder.mkdir()
    found = {}
    for what, change in BUNDLES.items():
        place = shutil.copytree(V2 / "bundle", folder / what.replace(" ", "-"))
        change(place)
        found[f"bundle: {what}"] = str(place)
    return found


def reseal(bundle: Path, file: str) -> None:
    """Write the manifest and record anew, so that every hash fits what lies in ``file`` now."""
    from cxredge.files import sha256_file

    digest, size = sha256_file(bundle / file), (bundle / file).stat().st_size
    tree = json.loads((bundle / "manifest.json").read_text())
    if file.startswith("artifacts/"):
        (tree["artifacts"][0]["sha256"],) = (digest,)
        records = json.loads((bundle / "record" / "artifacts.json").read_text())
        records[0] |= {"sha256": digest, "bytes": size}
        (bundle / "record" / "artifacts.json").write_text(json.dumps(records, sort_keys=True, indent=2) + "\n")
    for entry in tree["files"]:
        place = bundle / entry["path"]
        entry |= {"sha256": sha256_file(place), "bytes": place.stat().st_size}
    (bundle / "manifest.json").write_text(sealed(tree))


def _in_file(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def changed(bundle: Path) -> None:
        file = bundle / name
        file.write_bytes(change(file.read_bytes()))
        reseal(bundle, name)

    return changed


ARTIFACT = "artifacts/tflite/w8a8.tflite"
RECIPE = "record/recipe.json"


def _nested(bundle: Path) -> None:
    deepen(bundle / "record")


BUNDLES: dict[str, Callable[[Path], object]] = {
    "cut artifact": _in_file(ARTIFACT, lambda data: data[: len(data) // 2]),
    "empty artifact": _in_file(ARTIFACT, lambda data: b""),
    "noise for an artifact": _in_file(ARTIFACT, lambda data: bytes(range(256)) * 40),
    "artifact whose root leads out": _in_file(ARTIFACT, lambda data: b"\xff\xff\xff\x7f" + data[4:]),
    "list for a recipe": _in_file(RECIPE, lambda data: b"[]"),
    "nothing for a recipe": _in_file(RECIPE, lambda data: b""),
    "deep recipe": _in_file(RECIPE, lambda data: b"[" * 100_000),
    "list for a self-test": _in_file("selftest/selftest.json", lambda data: b"[]"),
    "deep self-test": _in_file("selftest/selftest.json", lambda data: b"[" * 100_000),
    "folders too deep": _nested,
    "name not UTF-8": lambda b: Path(os.fsdecode(os.fsencode(b) + b"/\xff")).write_text("x"),
    "name with escapes": lambda b: (b / "\x1b[2J").write_text("x"),
    "pipe": lambda b: os.mkfifo(b / "pipe"),
    "signature a folder": lambda b: ((b / "model.sig").unlink(), (b / "model.sig").mkdir()),
    "file a folder": lambda b: ((b / "MODEL_CARD.md").unlink(), (b / "MODEL_CARD.md").mkdir()),
    "closed artifact": lambda b: (b / ARTIFACT).chmod(0),
    "closed folder": lambda b: (b / "artifacts").chmod(0),
}
