"""Packages as folders and zip files; whatever is odd about one is refused before it is read."""

from __future__ import annotations

import io
import json
import os
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from cxredge.errors import InputError
from cxredge.mlprogram import package
from cxredge.mlprogram.package import open_package

MODEL = "com.apple.CoreML/model.mlmodel"


def manifest(path: Any = MODEL) -> bytes:
    return json.dumps({"itemInfoEntries": {"id": {"path": path}}, "rootModelIdentifier": "id"}).encode()


FILES = {"Manifest.json": manifest(), f"Data/{MODEL}": b"model"}


def folder(place: Path, files: dict[str, bytes]) -> Path:
    for name, data in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(data)
    return place


def archive(place: Path, files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(place, "w", method) as made:
        for name, data in files.items():
            made.writestr(name, data)
    return place


def model(path: Path) -> bytes:
    with open_package(path) as opened:
        data, where = opened.model()
    assert where == PurePosixPath("Data/com.apple.CoreML")
    return bytes(data)


def cause(path: Path) -> str:
    with pytest.raises(InputError) as caught:
        model(path)
    assert caught.value.code == "MLPROGRAM-PACKAGE"
    return caught.value.cause


def test_a_folder(tmp_path: Path) -> None:
    assert model(folder(tmp_path, FILES)) == b"model"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
@pytest.mark.parametrize("root", ["", "name.mlpackage/", "../", "/"])
def test_a_zip_file(root: str, method: int, tmp_path: Path) -> None:
    """A name that climbs is a name like another: nothing is written to a disk."""
    files = {root + name: data for name, data in FILES.items()} | {f"__MACOSX/{root}._Manifest.json": b"x"}
    assert model(archive(tmp_path / "a.zip", files, method)) == b"model"


@pytest.mark.parametrize(
    "path",
    [
        "../x", "a/../../x", "/etc/passwd", "..\\x", "a\\b", "a\0b", "a\nb", "\ud800", "", ".", "./", None, 3, [], {},
    ],
)  # fmt: skip
@pytest.mark.parametrize("zipped", [False, True])
def test_paths_that_lead_out(path: Any, zipped: bool, tmp_path: Path) -> None:
    files = {**FILES, "Manifest.json": manifest(path)}
    where = archive(tmp_path / "a.zip", files) if zipped else folder(tmp_path / "a", files)
    assert "refers to" in cause(where)


@pytest.mark.parametrize(
    "text",
    [
        *(b"", b"{", b"[]", b"3", b"null", b'"x"', b"\xff", b"[" * 100_000, b'{"a":' * 20_000, b"1" * 10_000),
        b'{"rootModelIdentifier": [], "itemInfoEntries": {}}',
        b'{"rootModelIdentifier": "a", "itemInfoEntries": []}',
    ],
)
def test_manifests_that_name_nothing(text: bytes, tmp_path: Path) -> None:
    assert "names no root model" in cause(folder(tmp_path, {**FILES, "Manifest.json": text}))


@pytest.mark.parametrize("missing", sorted(FILES))
@pytest.mark.parametrize("zipped", [False, True])
def test_missing_files(missing: str, zipped: bool, tmp_path: Path) -> None:
    files = {name: data for name, data in FILES.items() if name != missing}
    cause(archive(tmp_path / "a.zip", files) if zipped else folder(tmp_path / "a", files))


def test_nothing_there(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path / ("a" * 5000), Path("a\0b")):
        assert "no file or folder" in cause(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    place = folder(tmp_path / "a", FILES)
    (place / "Data").rename(tmp_path / "elsewhere")
    (place / "Data").symlink_to(tmp_path / "elsewhere")
    assert "no plain file" in cause(place)


def test_devices_and_folders_are_not_read(tmp_path: Path) -> None:
    place = folder(tmp_path / "a", FILES)
    (place / "Data" / MODEL).unlink()
    os.mkfifo(place / "Data" / MODEL)
    assert "no plain file" in cause(place)
    (place / "Data" / MODEL).unlink()
    (place / "Data" / MODEL).mkdir()
    assert "no plain file" in cause(place)
    (place / "Manifest.json").unlink()
    assert "no plain file" in cause(place)


def test_files_beyond_the_bound(tmp_path: Path) -> None:
    place = folder(tmp_path / "a", FILES)
    with (place / "Data" / MODEL).open("wb") as stream:
        stream.truncate(package.MAX_MODEL + 1)
    assert "more than" in cause(place)


def test_zip_entries_beyond_the_bound(tmp_path: Path) -> None:
    assert "more than" in cause(archive(tmp_path / "a.zip", {**FILES, f"Data/{MODEL}": bytes(package.MAX_MODEL + 1)}))


def test_a_zip_entry_that_inflates_beyond_its_size(tmp_path: Path) -> None:
    """100 kB that say that they are 5 bytes, in both of the places that say it."""
    path = archive(tmp_path / "a.zip", {**FILES, f"Data/{MODEL}": bytes(100_000)})
    size = (100_000).to_bytes(4, "little")
    assert path.read_bytes().count(size) == 2
    path.write_bytes(path.read_bytes().replace(size, (5).to_bytes(4, "little")))
    assert "cannot be read" in cause(path)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_compression_whose_blocks_have_no_bound(method: int, tmp_path: Path) -> None:
    assert f"compression method {method}" in cause(archive(tmp_path / "a.zip", FILES, method))


def test_encrypted_entries(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", FILES)
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = data.find(mark)
        data[place + offset] |= 1
    path.write_bytes(data)
    assert "encrypted" in cause(path)


def test_an_entry_twice(tmp_path: Path) -> None:
    path = archive(tmp_path / "a.zip", FILES)
    with zipfile.ZipFile(path, "a") as made, pytest.warns(UserWarning, match="Duplicate"):
        made.writestr(f"Data/{MODEL}", b"other")
    assert "twice" in cause(path)


def test_two_packages_in_one_zip_file(tmp_path: Path) -> None:
    files = {f"{root}/{name}": data for name, data in FILES.items() for root in "ab"}
    assert "Manifest.json 2 times" in cause(archive(tmp_path / "a.zip", files))


def test_damaged_zip_files(tmp_path: Path) -> None:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as made:
        for name, data in FILES.items():
            made.writestr(name, data)
    whole = stream.getvalue()
    for length in (0, 1, 21, 22, len(whole) // 2, len(whole) - 1):
        (tmp_path / "a.zip").write_bytes(whole[:length])
        cause(tmp_path / "a.zip")
    (tmp_path / "a.zip").write_bytes(whole.replace(b"model", b"modal"))
    cause(tmp_path / "a.zip")


@pytest.mark.parametrize("entries", [package.MAX_DIRECTORY // 50, 1 << 16])
def test_a_table_of_entries_without_end(entries: int, tmp_path: Path) -> None:
    """What zipfile reads whole, and keeps half a kilobyte of for each entry; above 65,535 entries as zip64."""
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made:
        for i in range(entries):
            made.writestr(str(i), b"")
    assert "table of entries" in cause(tmp_path / "a.zip")
