"""Files that lie: code, bombs, tensors of other kinds, torn and turned bytes. Nothing runs; refusals alone come."""

from __future__ import annotations

import io
import os
import pickle
import random
import re
import struct
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save
from torch import nn

from cxredge.errors import CxrError
from cxredge.importing import checkpoints, entries, forms, instructions, pickles
from cxredge.importing.checkpoints import entry, read_checkpoint
from cxredge.importing.tensors import check_finite

Saver = Callable[..., Path]


def refused(place: Path) -> CxrError:
    with pytest.raises(CxrError) as caught:
        entry(read_checkpoint(place), None)
    return caught.value


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function: Callable[..., object], *arguments: object) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> tuple[Any, ...]:
        return self.call


def rewritten(source: Path, edit: Callable[[str, bytes], bytes], packed: bool = False) -> Path:
    """The zip with other members' bytes."""
    goal = source.with_name("edited.pth")
    how = zipfile.ZIP_DEFLATED if packed else zipfile.ZIP_STORED
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(goal, "w", how) as new:
        for member in old.infolist():
            new.writestr(member.filename, edit(member.filename, old.read(member)))
    return goal


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("beside", [False, True])
def test_code_does_not_run(network: nn.Module, saved: Saver, tmp_path: Path, legacy: bool, beside: bool) -> None:
    bomb = Calls(os.system, f"touch {tmp_path / 'canary'}")
    error = refused(saved({"state_dict": network.state_dict(), "x": bomb} if beside else bomb, legacy=legacy))
    assert error.code == "IMPORT-PICKLE"
    assert "posix.system" in error.cause
    assert not (tmp_path / "canary").exists()
    torch.load(tmp_path / "it.pth", weights_only=False)
    assert (tmp_path / "canary").exists(), "the bomb of this test is none"


@pytest.mark.parametrize("legacy", [False, True])
def test_torch_s_own_reader_refuses_behind_the_list(
    saved: Saver, tmp_path: Path, legacy: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pickles, "PLAIN", re.compile(".*"))
    for function in (os.system, exec):
        error = refused(saved({"x": Calls(function, f"touch {tmp_path / 'canary'}")}, legacy=legacy))
        assert error.code == "IMPORT-PICKLE"
        assert function.__name__ in error.cause
    assert not (tmp_path / "canary").exists()


@pytest.mark.parametrize("protocol", [0, 1, 2, 4, 5])
def test_code_in_a_plain_pickle_of_any_protocol(tmp_path: Path, protocol: int) -> None:
    (tmp_path / "it.pkl").write_bytes(b"\x80\x02" * (protocol < 2) + pickle.dumps(Calls(os.system, "false"), protocol))
    error = refused(tmp_path / "it.pkl")
    assert error.code == "IMPORT-PICKLE"
    assert "posix.system" in error.cause


@pytest.mark.parametrize("value", [Calls(torch.Tensor, 1 << 40), Calls(bytearray, 1 << 40), {"best": np.float64(1)}])
def test_what_builds_from_sizes_alone_is_not_called(saved: Saver, value: object) -> None:
    assert refused(saved(value)).code == "IMPORT-PICKLE"


def test_pickles_that_torch_did_not_write(network: nn.Module, tmp_path: Path) -> None:
    (tmp_path / "it.pkl").write_bytes(pickle.dumps({"a": [1.0]}))
    assert refused(tmp_path / "it.pkl").code == "IMPORT-FORM"
    torch.save(network.state_dict(), tmp_path / "four.pth", pickle_protocol=4)
    assert "pickle protocol 4" in refused(tmp_path / "four.pth").cause


def test_the_oldest_form_is_named(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "it.pth", "w") as archive:
        archive.addfile(tarfile.TarInfo("pickle"), io.BytesIO())
    assert "tar" in refused(tmp_path / "it.pth").cause


@pytest.mark.parametrize(
    ("tensor", "words"),
    [
        (torch.zeros(2, 2, dtype=torch.float64), "is float64"),
        (torch.zeros(2, 2, dtype=torch.complex64), "complex numbers (complex64)"),
        (torch.eye(3).to_sparse(), "is sparse (sparse_coo)"),
        (torch.zeros(2, 2, device="meta"), "on the device meta"),
        (torch.zeros(2, 2).to(torch.float8_e5m2), "float8"),
        (torch.zeros(2, 2, dtype=torch.uint16), "unsigned"),
    ],
)
def test_tensors_of_other_kinds(saved: Saver, tensor: torch.Tensor, words: str) -> None:
    error = refused(saved({"layer.weight": tensor}))
    assert error.code == "IMPORT-TENSOR"
    assert words in error.cause


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_compressed_rows(saved: Saver) -> None:
    assert "is sparse (sparse_csr)" in refused(saved({"a": torch.eye(3).to_sparse_csr()})).cause


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_quantised_tensors(saved: Saver) -> None:
    for tensor in (
        torch.quantize_per_tensor(torch.eye(3), 0.1, 0, torch.qint8),
        torch.quantize_per_channel(torch.eye(3), torch.ones(3), torch.zeros(3), 0, torch.qint8),
    ):
        assert "layer.weight is quantised (qint8)" in refused(saved({"layer.weight": tensor})).cause


def test_float64_and_float8_in_safetensors(tmp_path: Path) -> None:
    for kind in (torch.float64, torch.float8_e4m3fn):
        (tmp_path / "it.safetensors").write_bytes(save({"a": torch.zeros(2, 2).to(kind)}))
        assert f"a is {str(kind)[6:]}" in refused(tmp_path / "it.safetensors").cause


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 70_000.0])
def test_nan_and_infinity_are_named(network: nn.Module, saved: Saver, bad: float) -> None:
    state = network.state_dict()
    state["1.running_var"][2] = bad
    place = saved({"a": state, "b": {k: v.half() for k, v in state.items()}})
    found = read_checkpoint(place)
    for name in ["b"] if bad == 70_000.0 else ["a", "b"]:
        with pytest.raises(CxrError) as caught:
            check_finite(entry(found, name)[1], "it")
        assert caught.value.code == "IMPORT-NAN"
        assert "in 1.running_var" in caught.value.cause


def test_one_number_spread_to_very_many_stays_one(saved: Saver) -> None:
    assert refused(saved({"a": torch.zeros(1).expand(1 << 20, 1 << 20)})).code == "IMPORT-LIMIT"
    big = torch.zeros(1).expand(1 << 14, 1 << 13)  # each is small enough
    assert refused(saved({str(i): big for i in range(3)})).code == "IMPORT-LIMIT"


def test_strides_and_shared_storages_are_read(saved: Saver) -> None:
    whole = torch.arange(12.0).reshape(3, 4)
    tensors = entry(read_checkpoint(saved({"t": whole.T, "part": whole[1:, ::2], "e": whole[:1].expand(2, 4)})), None)[
        1
    ]
    assert torch.equal(tensors["t"], whole.T)
    assert torch.equal(tensors["part"], whole[1:, ::2])
    assert all(t.is_contiguous() for t in tensors.values())
    assert not any(t.requires_grad for t in tensors.values())


def test_a_tensor_that_claims_more_than_its_bytes(saved: Saver) -> None:
    place = saved({"a": torch.ones(4, 4)})
    for old, new in (
        (b"K\x04K\x04", b"J\0\0\0\x08K\x04"),
        (b"K\x04K\x04", b"J\0\0\0\x7fJ\0\0\0\x01"),
        (b"K\x10", b"J\0\0\0\x40"),
        (b"K\x10", b"K\x02"),
    ):

        def edit(name: str, data: bytes, old: bytes = old, new: bytes = new) -> bytes:
            return data.replace(old, new, 1) if "pkl" in name else data

        assert refused(rewritten(place, edit)).code == "IMPORT-DAMAGED"


@pytest.mark.parametrize(
    ("old", "new"), [(b"K\x04K\x04", b"J\0\0\0\x08K\x04"), (b"K\x10", b"J\0\0\0\x10"), (b"K\x10", b"K\x20")]
)
def test_a_legacy_tensor_that_claims_more_than_its_bytes(saved: Saver, old: bytes, new: bytes) -> None:
    place = saved({"a": torch.ones(4, 4)}, legacy=True)
    data = place.read_bytes()
    place.write_bytes(data.replace(old, new, 1))
    assert refused(place).code == "IMPORT-DAMAGED"
    place.write_bytes(data.replace(old, new, 1).replace(struct.pack("<q", 16), struct.pack("<q", 1 << 28)))
    assert refused(place).code == "IMPORT-DAMAGED"


def test_a_packed_zip_and_one_that_shares_bytes(saved: Saver) -> None:
    place = saved({"a": torch.zeros(1000, 1000)})
    assert "announce" in refused(rewritten(place, lambda _, data: data, packed=True)).cause
    small = saved({"a": torch.randint(0, 256, (100, 400), dtype=torch.uint8)})
    assert "is packed" in refused(rewritten(small, lambda _, data: data, packed=True)).cause
    twice = bytearray(place.read_bytes())
    listed, end = twice.index(b"PK\x01\x02"), twice.rindex(b"PK\x05\x06")
    count, length = struct.unpack_from("<HI", twice, end + 10)
    struct.pack_into("<HHI", twice, end + 8, 2 * count, 2 * count, 2 * length)
    place.write_bytes(twice[:listed] + 2 * twice[listed : listed + length] + twice[end:])
    assert "announce" in refused(place).cause


def test_a_zip_that_points_before_its_beginning(saved: Saver) -> None:
    place = rewritten(saved({"a": torch.zeros(2, 2)}), lambda _, data: data)  # without the records of large zips
    data = bytearray(place.read_bytes())
    end = data.rindex(b"PK\x05\x06")
    struct.pack_into("<I", data, end + 16, struct.unpack_from("<I", data, end + 16)[0] + 50)
    place.write_bytes(data)
    error = refused(place)
    assert error.code == "IMPORT-DAMAGED"
    assert "cannot be read" in error.cause or "out of itself" in error.cause


@pytest.mark.parametrize("apart", [False, True])
def test_a_list_of_members_without_end_is_not_read(saved: Saver, apart: bool) -> None:
    """The wide record of a large zip counts, beside its locator and where that points."""
    place = saved({"a": torch.zeros(2, 2)})
    data = bytearray(place.read_bytes())
    wide, locator = data.rindex(b"PK\x06\x06"), data.rindex(b"PK\x06\x07")
    if apart:
        struct.pack_into("<Q", data, locator + 8, len(data))  # past the end: the record beside counts alone
    struct.pack_into("<QQ", data, wide + 32, 1 << 40, 1 << 45)
    place.write_bytes(data)
    assert "a list of 1,099,511,627,776 members" in refused(place).cause


def test_lots_of_members_and_of_tensors(saved: Saver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = saved({str(i): torch.zeros(1, 1) for i in range(40)})
    monkeypatch.setattr(entries, "MAX_TENSORS", 39)
    assert refused(place).code == "IMPORT-LIMIT"
    monkeypatch.setattr(forms, "MAX_MEMBERS", 39)
    assert "a list of" in refused(place).cause
    monkeypatch.setattr(forms, "MAX_MEMBERS", 100)
    monkeypatch.setattr(pickles, "MAX_PICKLE", 1000)
    assert "bytes that describe" in refused(place).cause
    monkeypatch.setattr(pickles, "MAX_PICKLE", 1 << 20)
    monkeypatch.setattr(pickles, "MAX_STEPS", 100)
    assert "instructions" in refused(place).cause
    monkeypatch.setattr(checkpoints, "MAX_BYTES", 1000)
    assert "; 1,000 are read" in refused(place).cause


def test_a_legacy_pickle_without_end_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickles, "MAX_PICKLE", 1000)
    magic = pickle.dumps(instructions.MAGIC, 2)
    (tmp_path / "it.pth").write_bytes(magic + b"\x80\x02" + b"N" * 2000)
    assert refused(tmp_path / "it.pth").code == "IMPORT-LIMIT"
    (tmp_path / "it.pth").write_bytes(magic + b"\x80\x02" + b"N" * 500)
    assert refused(tmp_path / "it.pth").code == "IMPORT-DAMAGED"


def test_one_mapping_named_many_times_is_searched_once(saved: Saver, monkeypatch: pytest.MonkeyPatch) -> None:
    shared = {"a": {"b": 1}}
    place = saved({str(i): shared for i in range(10_000)})
    searched: list[object] = []
    look = entries._state_dict

    def counted(value: Mapping[object, object]) -> dict[str, torch.Tensor]:
        searched.append(value)
        return look(value)

    monkeypatch.setattr(entries, "_state_dict", counted)
    assert refused(place).code == "IMPORT-EMPTY"
    assert len(searched) == 3


def test_nesting_and_references_without_end(saved: Saver) -> None:
    """2**60 paths through 60 mappings, and 20,000 lists inside one another: neither is walked."""
    tree: dict[str, Any] = {"w": 1}
    for _ in range(60):
        tree = {"a": tree, "b": tree}
    assert refused(saved(tree)).code == "IMPORT-EMPTY"
    nest = b"\x80\x02" + b"]" * 20_000 + b"a" * 19_999 + b"."
    place = rewritten(saved({"a": torch.zeros(2, 2)}), lambda name, data: nest if "pkl" in name else data)
    assert refused(place).code == "IMPORT-EMPTY"


def test_a_turned_bit_of_a_weight_is_found(saved: Saver) -> None:
    place = saved({"a": torch.ones(4, 4)})
    data = bytearray(place.read_bytes())
    data[data.index(struct.pack("<f", 1.0) * 16) + 5] ^= 1
    place.write_bytes(data)
    error = refused(place)
    assert error.code == "IMPORT-DAMAGED"
    assert "checksum" in error.cause


@pytest.mark.parametrize("header", [1 << 60, 1 << 20, 0])
def test_a_safetensors_header_that_lies(tmp_path: Path, header: int) -> None:
    (tmp_path / "it").write_bytes(header.to_bytes(8, "little") + b'{"a":{}}' + bytes(64))
    assert refused(tmp_path / "it").code == "IMPORT-DAMAGED"


def test_a_safetensors_header_above_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MAX_HEADER", 10)
    (tmp_path / "it").write_bytes(save({"a": torch.zeros(2, 2)}))
    assert refused(tmp_path / "it").code == "IMPORT-LIMIT"


def test_a_file_that_changes_while_it_is_read(
    network: nn.Module, saved: Saver, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = saved(network.state_dict())
    load = pickles.load

    def slow(*arguments: Any, **settings: Any) -> object:
        found = load(*arguments, **settings)
        os.utime(place, ns=(1, 1))
        return found

    monkeypatch.setattr(pickles, "load", slow)
    assert "changed" in refused(place).cause


@pytest.mark.parametrize("content", [b"", bytes(1000), b"<html>", b"version https://git-lfs.github.com/spec/v1\n"])
def test_what_is_no_weights_at_all(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "it.pth").write_bytes(content)
    assert refused(tmp_path / "it.pth").code in ("IMPORT-FORM", "IMPORT-DAMAGED")


@pytest.mark.parametrize("form", ["zip", "legacy", "safetensors"])
def test_torn_and_turned_bytes_give_refusals_alone(network: nn.Module, saved: Saver, form: str) -> None:
    place = saved({"state_dict": network.state_dict(), "epoch": 3}, legacy=form == "legacy")
    if form == "safetensors":
        place.write_bytes(save(network.state_dict()))
    whole = place.read_bytes()
    chance = random.Random(5)
    codes: dict[str, int] = {}
    for turn in range(150):
        data = bytearray(whole)
        if turn % 3 == 0:
            del data[chance.randrange(len(data)) :]
        else:
            for _ in range(chance.choice((1, 1, 2, 8))):
                # what describes the tensors is most worth an attack: the first part, and of a zip the last too
                at = chance.choice((chance.randrange(len(data)), chance.randrange(min(len(data), 900))))
                data[at] = chance.randrange(256)
        place.write_bytes(data)
        try:
            entry(read_checkpoint(place), None)
        except CxrError as error:
            codes[error.code] = codes.get(error.code, 0) + 1
            assert error.text().isprintable() or "\n" in error.text()
    assert all(code.startswith("IMPORT-") for code in codes), codes
    assert sum(codes.values()) > 75
    assert codes["IMPORT-DAMAGED"] > 40
