"""A signed bundle is read only when it is exactly what was signed, by a key that is trusted."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from cxredge import files
from cxredge.bundle.bundle import read_manifest
from cxredge.bundle.keys import PublicKey, make_pair, read_private, read_public
from cxredge.bundle.sign import sign_bundle
from cxredge.bundle.signature import verify_signature
from cxredge.bundle.statement import ORDER, Envelope
from cxredge.errors import InputError
from cxredge.files import sha256_bytes

Tree = dict[str, Any]


@pytest.fixture
def pair(tmp_path: Path) -> tuple[Path, PublicKey]:
    private, public = make_pair(tmp_path / "pair", True)
    return private, read_public(public)


def refused(folder: Path, *keys: PublicKey, not_before: str | None = None) -> str:
    with pytest.raises(InputError) as caught:
        verify_signature(folder, keys, not_before)
    assert caught.value.fix
    return caught.value.code


def envelope(folder: Path) -> Tree:
    tree: Tree = json.loads((folder / "model.sig").read_text())
    return tree


def statement(folder: Path) -> Tree:
    tree: Tree = json.loads(base64.b64decode(envelope(folder)["dsseEnvelope"]["payload"]))
    return tree


def write(folder: Path, tree: Tree) -> None:
    (folder / "model.sig").write_text(json.dumps(tree, separators=(",", ":")))


def sign_payload(folder: Path, private: Path, payload: bytes) -> None:
    """Sign any payload rightly: what a signer with other software, or other intentions, might write."""
    key, _ = read_private(private)
    tree = envelope(folder)
    signature = key.sign(Envelope("", payload, b"").signed_bytes(), ec.ECDSA(hashes.SHA256()))
    tree["dsseEnvelope"]["payload"] = base64.b64encode(payload).decode()
    tree["dsseEnvelope"]["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    write(folder, tree)


def settle(tree: Tree) -> None:
    """The subject's digest of the resources that are listed now."""
    digests = b"".join(bytes.fromhex(r["digest"]) for r in tree["predicate"]["resources"])
    tree["subject"][0]["digest"]["sha256"] = sha256_bytes(digests)


def test_signing_twice_gives_the_same_bytes_wherever_the_bundle_lies(
    signed: Path, pair: tuple[Path, PublicKey], tmp_path: Path
) -> None:
    private, public = pair
    copy = shutil.copytree(signed, tmp_path / "elsewhere")
    (copy / "model.sig").unlink()
    assert sign_bundle(signed, private) == (public.fingerprint, True)
    sign_bundle(copy, private)
    assert (copy / "model.sig").read_bytes() == (signed / "model.sig").read_bytes()
    found = verify_signature(copy, [public])
    assert found.key is public
    assert found.manifest == read_manifest(signed)


def test_a_signature_needs_a_key_that_is_trusted(signed: Path, signer: PublicKey, pair: tuple[Path, PublicKey]) -> None:
    _, other = pair
    assert refused(signed, other) == "SIGNATURE-KEY"
    assert verify_signature(signed, [other, signer]).key is signer


def test_a_hint_alone_signs_nothing(signed: Path, signer: PublicKey, pair: tuple[Path, PublicKey]) -> None:
    private, _ = pair
    sign_bundle(signed, private)
    tree = envelope(signed)
    tree["verificationMaterial"]["publicKey"]["hint"] = signer.fingerprint
    write(signed, tree)
    assert refused(signed, signer) == "SIGNATURE-WRONG"


def test_older_versions_are_refused(signed: Path, signer: PublicKey) -> None:
    assert verify_signature(signed, [signer], "1.0.0").manifest.model.version == "1.0.0"
    assert verify_signature(signed, [signer], "0.10.0").key is signer
    for newer in ("1.0.1", "1.1.0", "10.0.0"):
        assert refused(signed, signer, not_before=newer) == "BUNDLE-ROLLBACK"


def test_what_is_not_whole_is_not_signed(signed: Path, pair: tuple[Path, PublicKey]) -> None:
    (signed / "MODEL_CARD.md").write_text("other words")
    before = (signed / "model.sig").read_bytes()
    with pytest.raises(InputError, match="BUNDLE-HASH"):
        sign_bundle(signed, pair[0])
    assert (signed / "model.sig").read_bytes() == before


def test_a_signature_is_taken_beside_the_listed_files_and_nothing_else_is(signed: Path) -> None:
    read_manifest(signed)
    shutil.copy(signed / "model.sig", signed / "artifacts" / "model.sig")
    with pytest.raises(InputError, match="BUNDLE-FILES"):
        read_manifest(signed)


def damage_model(folder: Path) -> None:
    path = next((folder / "artifacts").rglob("*.tflite"))
    path.write_bytes(path.read_bytes()[:-100])


def swap(folder: Path) -> None:
    one, two = folder / "selftest" / "phantom-0.png", folder / "selftest" / "phantom-1.png"
    first = one.read_bytes()
    one.write_bytes(two.read_bytes())
    two.write_bytes(first)


def link(folder: Path) -> None:
    (folder / "MODEL_CARD.md").rename(folder.parent / "card")
    (folder / "MODEL_CARD.md").symlink_to(folder.parent / "card")


def link_signature(folder: Path) -> None:
    (folder / "model.sig").rename(folder.parent / "sig")
    (folder / "model.sig").symlink_to(folder.parent / "sig")


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "no signature": (lambda f: (f / "model.sig").unlink(), "SIGNATURE-MISSING"),
    "linked signature": (link_signature, "SIGNATURE-FILES"),
    "a folder for a signature": (lambda f: ((f / "model.sig").unlink(), (f / "model.sig").mkdir()), "SIGNATURE-FILES"),
    "a pipe for a signature": (lambda f: ((f / "model.sig").unlink(), os.mkfifo(f / "model.sig")), "SIGNATURE-FILES"),
    "truncated model": (damage_model, "SIGNATURE-HASH"),
    "two files swapped": (swap, "SIGNATURE-HASH"),
    "manifest with a space more": (
        lambda f: (f / "manifest.json").write_text((f / "manifest.json").read_text() + " "),
        "SIGNATURE-HASH",
    ),
    "manifest that is no manifest": (lambda f: (f / "manifest.json").write_text("["), "SIGNATURE-HASH"),
    "huge manifest": (lambda f: (f / "manifest.json").write_bytes(b" " * 17_000_000), "SIGNATURE-HASH"),
    "missing file": (lambda f: (f / "MODEL_CARD.md").unlink(), "SIGNATURE-FILES"),
    "missing manifest": (lambda f: (f / "manifest.json").unlink(), "SIGNATURE-FILES"),
    "extra file": (lambda f: (f / "artifacts" / "more").write_text("x"), "SIGNATURE-FILES"),
    "extra file that git would ignore": (lambda f: (f / ".gitattributes").write_text("x"), "SIGNATURE-FILES"),
    "extra hidden folder": (lambda f: ((f / ".git").mkdir(), (f / ".git" / "x").write_text("x")), "SIGNATURE-FILES"),
    "renamed file": (lambda f: (f / "MODEL_CARD.md").rename(f / "CARD.md"), "SIGNATURE-FILES"),
    "renamed case": (lambda f: (f / "MODEL_CARD.md").rename(f / "model_card.md"), "SIGNATURE-FILES"),
    "linked file": (link, "SIGNATURE-FILES"),
    "linked folder": (
        lambda f: ((f / "selftest").rename(f.parent / "s"), (f / "selftest").symlink_to(f.parent / "s")),
        "SIGNATURE-FILES",
    ),
    "pipe": (lambda f: os.mkfifo(f / "pipe"), "SIGNATURE-FILES"),
    "odd name": (lambda f: (f / "a\nb\x1b[2J\udcff").write_text("x"), "SIGNATURE-FILES"),
}


@pytest.mark.parametrize("what", DAMAGES)
def test_damaged_bundles_are_refused(signed: Path, signer: PublicKey, what: str) -> None:
    damage, code = DAMAGES[what]
    damage(signed)
    assert refused(signed, signer) == code


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["manifest.json", "MODEL_CARD.md", "a model"])
def test_no_more_is_hashed_than_was_signed(
    signed: Path, signer: PublicKey, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A sparse file has any length at no cost to whoever sends it."""
    file = next((signed / "artifacts").rglob("*.tflite")) if name == "a model" else signed / name
    os.truncate(file, 1 << 40)

    def sha256_file(path: Path) -> str:
        assert path.stat().st_size < 1 << 30, "it is too long to be read"
        return files.sha256_file(path)

    monkeypatch.setattr("cxredge.bundle.signature.sha256_file", sha256_file)
    assert refused(signed, signer) == "SIGNATURE-HASH"


def test_a_signed_folder_that_is_no_bundle_is_refused_by_its_manifest(
    signed: Path, pair: tuple[Path, PublicKey]
) -> None:
    """Signed rightly: by a signer whose manifest is not one."""
    private, public = pair
    (signed / "manifest.json").write_text("[")
    tree = statement(signed)
    for entry in tree["predicate"]["resources"]:
        if entry["name"] == "manifest.json":
            entry["digest"] = sha256_bytes(b"[")
    settle(tree)
    sign_payload(signed, private, json.dumps(tree).encode())
    tree = envelope(signed)
    tree["verificationMaterial"]["publicKey"]["hint"] = public.fingerprint
    write(signed, tree)
    assert refused(signed, public) == "MANIFEST-SYNTAX"


def edit(change: Callable[[Tree], object]) -> Callable[[Path], None]:
    def write_changed(folder: Path) -> None:
        tree = envelope(folder)
        change(tree)
        write(folder, tree)

    return write_changed


def text(change: Callable[[str], str]) -> Callable[[Path], None]:
    return lambda folder: (folder / "model.sig").write_text(change((folder / "model.sig").read_text())) and None


def signature(value: str) -> Callable[[Path], None]:
    return edit(lambda t: t["dsseEnvelope"]["signatures"][0].update(sig=value))


ENVELOPES: dict[str, Callable[[Path], None]] = {
    "empty": text(lambda t: ""),
    "cut short": text(lambda t: t[:-1]),
    "two values": text(lambda t: t + t),
    "a list": text(lambda t: "[]"),
    "null": text(lambda t: "null"),
    "deep": text(lambda t: "[" * 100_000),
    "deep but closed": text(lambda t: "[" * 500 + "]" * 500),
    "huge": text(lambda t: t + " " * 4_000_000),
    "not ASCII": text(lambda t: t.replace("keyid", "keyıd")),
    "tab": text(lambda t: t.replace(",", ",\t", 1)),
    "escape": text(lambda t: t.replace("keyid", "key\\u0069d")),
    "twice a key": text(lambda t: t.replace('"keyid":""', '"keyid":"","keyid":""')),
    "unknown key": edit(lambda t: t.update(more=1)),
    "certificate": edit(lambda t: t["verificationMaterial"].update(x509CertificateChain={})),
    "log entry": edit(lambda t: t["verificationMaterial"].update(tlogEntries=[{}])),
    "no hint": edit(lambda t: t["verificationMaterial"]["publicKey"].pop("hint")),
    "hint of another form": edit(lambda t: t["verificationMaterial"]["publicKey"].update(hint="AB" * 32)),
    "numbers for text": edit(lambda t: t.update(mediaType=3)),
    "older media type": edit(lambda t: t.update(mediaType="application/vnd.dev.sigstore.bundle+json;version=0.2")),
    "other payload": edit(lambda t: t["dsseEnvelope"].update(payloadType="text/plain")),
    "no signature": edit(lambda t: t["dsseEnvelope"].update(signatures=[])),
    "two signatures": edit(lambda t: t["dsseEnvelope"]["signatures"].append(t["dsseEnvelope"]["signatures"][0])),
    "key id": edit(lambda t: t["dsseEnvelope"]["signatures"][0].update(keyid="x")),
    "spare bits": signature("TR=="),
    "base64 with spaces": edit(lambda t: t["dsseEnvelope"].update(payload=" " + t["dsseEnvelope"]["payload"])),
    "no base64": edit(lambda t: t["dsseEnvelope"].update(payload="????")),
}


@pytest.mark.parametrize("what", ENVELOPES)
def test_envelopes_of_another_form_are_refused(signed: Path, signer: PublicKey, what: str) -> None:
    ENVELOPES[what](signed)
    assert refused(signed, signer) == "SIGNATURE-SYNTAX"


def test_one_byte_has_one_base64_and_is_no_signature(signed: Path, signer: PublicKey) -> None:
    assert base64.b64decode("TR==") == base64.b64decode("TQ==")
    signature("TQ==")(signed)
    assert refused(signed, signer) == "SIGNATURE-SYNTAX"


SPELLINGS: dict[str, Callable[[bytes], bytes]] = {
    "a line more": lambda data: data + b"\n",
    "a space more": lambda data: data + b" ",
    "a space before": lambda data: b" " + data,
    "a tab inside": lambda data: data.replace(b"}]", b"}\t]"),
    "a space behind a comma": lambda data: data.replace(b",", b", ", 1),
    "lines": lambda data: json.dumps(json.loads(data), indent=2).encode(),
    "another order": lambda data: json.dumps(json.loads(data), sort_keys=True, separators=(",", ":")).encode(),
    "a second value": lambda data: data + b"{}",
    "NUL behind": lambda data: data + b"\0",
    "a mark before": lambda data: b"\xef\xbb\xbf" + data,
    "an escape": lambda data: data.replace(b"v0.3", b"v0\\u002e3"),
    "an escaped slash": lambda data: data.replace(b"application/vnd.in", b"application\\/vnd.in"),
    "a key twice": lambda data: data.replace(b'"keyid":""', b'"keyid":"","keyid":""'),
}


@pytest.mark.parametrize("what", SPELLINGS)
def test_an_envelope_has_one_spelling(signed: Path, signer: PublicKey, what: str) -> None:
    data = (signed / "model.sig").read_bytes()
    changed = SPELLINGS[what](data)
    assert changed != data
    (signed / "model.sig").write_bytes(changed)
    assert refused(signed, signer) == "SIGNATURE-SYNTAX"


def numbers(folder: Path) -> tuple[int, int]:
    return decode_dss_signature(base64.b64decode(envelope(folder)["dsseEnvelope"]["signatures"][0]["sig"]))


def der(folder: Path, signature: bytes) -> None:
    edit(lambda t: t["dsseEnvelope"]["signatures"][0].update(sig=base64.b64encode(signature).decode()))(folder)


def test_two_numbers_have_one_der(signed: Path, signer: PublicKey) -> None:
    r, s = numbers(signed)
    whole = encode_dss_signature(r, s)
    length = whole[1]
    for other in (
        whole + b"\0",
        whole[:-1],
        b"\x30\x81" + whole[1:],  # a length in two bytes
        bytes([0x30, length + 1, 2, whole[3] + 1, 0]) + whole[4:],  # a zero before the first number
        encode_dss_signature(0, s),
        encode_dss_signature(r, 0),
        encode_dss_signature(ORDER, s),
        encode_dss_signature(r, s + ORDER),
        bytes([0x30, 6, 2, 1, 0x80, 2, 1, 1]),  # a negative number
        b"",
    ):
        der(signed, other)
        assert refused(signed, signer) == "SIGNATURE-SYNTAX", other.hex()
    der(signed, encode_dss_signature(s, r))
    assert refused(signed, signer) == "SIGNATURE-WRONG"


def test_the_other_signature_that_everybody_can_make_vouches_for_the_same(signed: Path, signer: PublicKey) -> None:
    """(r, order - s) verifies where (r, s) does; refusing one half would refuse half of what model-signing writes."""
    before = verify_signature(signed, [signer])
    r, s = numbers(signed)
    der(signed, encode_dss_signature(r, ORDER - s))
    assert verify_signature(signed, [signer]) == before


def resource(name: str) -> Tree:
    return {"name": name, "algorithm": "sha256", "digest": "0" * 64}


def rename(new: str) -> Callable[[Tree], object]:
    return lambda t: t["predicate"]["resources"][0].update(name=new)


# signed rightly by a trusted key, which is no reason to trust what it says of paths
STATEMENTS: dict[str, tuple[Callable[[Tree], object], str]] = {
    "unknown key": (lambda t: t.update(more=1), "SIGNATURE-SYNTAX"),
    "other type": (lambda t: t.update(_type="https://in-toto.io/Statement/v0.1"), "SIGNATURE-SYNTAX"),
    "other predicate": (lambda t: t.update(predicateType="https://slsa.dev/provenance/v1"), "SIGNATURE-SYNTAX"),
    "two subjects": (lambda t: t["subject"].append(t["subject"][0]), "SIGNATURE-SYNTAX"),
    "other subject": (lambda t: t["subject"][0]["digest"].update(sha256="0" * 64), "SIGNATURE-SYNTAX"),
    "shards": (lambda t: t["predicate"]["serialization"].update(method="shards"), "SIGNATURE-SYNTAX"),
    "links allowed": (lambda t: t["predicate"]["serialization"].update(allow_symlinks=True), "SIGNATURE-SYNTAX"),
    "a number for no": (lambda t: t["predicate"]["serialization"].update(allow_symlinks=0), "SIGNATURE-SYNTAX"),
    "other hash": (lambda t: t["predicate"]["resources"][0].update(algorithm="md5"), "SIGNATURE-SYNTAX"),
    "no digest": (lambda t: t["predicate"]["resources"][0].update(digest="00"), "SIGNATURE-SYNTAX"),
    "a path twice": (
        lambda t: t["predicate"]["resources"].append(t["predicate"]["resources"][0]),
        "SIGNATURE-SYNTAX",
    ),
    "a file less": (lambda t: t["predicate"]["resources"].pop(), "SIGNATURE-FILES"),
    "a file more": (lambda t: t["predicate"]["resources"].append(resource("more")), "SIGNATURE-FILES"),
    "nothing": (lambda t: t["predicate"].update(resources=[]), "SIGNATURE-FILES"),
    "itself": (lambda t: t["predicate"]["resources"].append(resource("model.sig")), "SIGNATURE-FILES"),
    **{
        f"path {path!r}": (rename(path), "SIGNATURE-FILES")
        for path in ("../card", "/etc/passwd", "a/../b", "./MODEL_CARD.md", "a//b", "a\\b", "", "C:x", "a\n")
    },
    "half a character": (rename("\ud800"), "SIGNATURE-SYNTAX"),
}


@pytest.mark.parametrize("what", STATEMENTS)
def test_statements_of_another_form_are_refused(signed: Path, pair: tuple[Path, PublicKey], what: str) -> None:
    private, public = pair
    sign_bundle(signed, private)
    change, code = STATEMENTS[what]
    tree = statement(signed)
    change(tree)
    if what != "other subject" and code != "SIGNATURE-SYNTAX":
        settle(tree)
    sign_payload(signed, private, json.dumps(tree).encode())
    assert refused(signed, public) == code


@pytest.mark.parametrize("payload", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"null", b'{"a": 1, "a": 1}', b"NaN"])
def test_signed_nonsense_is_refused(signed: Path, pair: tuple[Path, PublicKey], payload: bytes) -> None:
    private, public = pair
    sign_bundle(signed, private)
    sign_payload(signed, private, payload)
    assert refused(signed, public) == "SIGNATURE-SYNTAX"


def test_what_another_order_and_ignore_list_say_is_the_same(signed: Path, pair: tuple[Path, PublicKey]) -> None:
    """The reading is strict where a bit could hide, and not about what a signer is free to choose."""
    private, public = pair
    sign_bundle(signed, private)
    tree = statement(signed)
    tree["predicate"]["resources"].reverse()
    tree["predicate"]["serialization"]["ignore_paths"] = [".git", "model.sig"]
    tree["subject"][0]["name"] = "any name"
    settle(tree)
    sign_payload(signed, private, json.dumps(tree, indent=4).encode())
    assert verify_signature(signed, [public]).key is public
