"""Pairs of keys: written once, read strictly, and never taken for what they are not."""

from __future__ import annotations

import errno
import shlex
import shutil
import stat
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dh, dsa, ec, ed448, ed25519, rsa, x25519

from cxredge.bundle import keys
from cxredge.errors import InputError
from cxredge.files import sha256_bytes, write_new
from support.hostile import CASES

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8
PLAIN = serialization.NoEncryption()


@pytest.mark.parametrize("development", [False, True])
def test_a_pair_reads_back_and_says_what_it_is(tmp_path: Path, development: bool) -> None:
    private, public = keys.make_pair(tmp_path / "new" / "release", development)
    assert (private.name, public.name) == ("release.key", "release.pub")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600
    key, marked = keys.read_private(private)
    read = keys.read_public(public)
    assert (marked, read.development) == (development, development)
    assert keys.fingerprint(key.public_key()) == read.fingerprint
    assert public.read_text().startswith("cxredge development key\n") == development


def test_the_fingerprint_is_over_the_text_that_openssl_writes(tmp_path: Path) -> None:
    _, public = keys.make_pair(tmp_path / "k", True)
    text = subprocess.run(["openssl", "pkey", "-pubin", "-in", public], capture_output=True, check=True).stdout
    assert sha256_bytes(text) == keys.read_public(public).fingerprint


def test_a_pair_is_never_overwritten(tmp_path: Path) -> None:
    private, public = keys.make_pair(tmp_path / "k", False)
    before = private.read_bytes(), public.read_bytes()
    private_only = tmp_path / "other.key"
    private_only.write_bytes(before[0])
    for out in (tmp_path / "k", tmp_path / "other"):
        with pytest.raises(InputError) as caught:
            keys.make_pair(out, False)
        assert caught.value.code == "KEY-EXISTS"
    assert (private.read_bytes(), public.read_bytes()) == before
    assert not (tmp_path / "other.pub").exists()


def test_half_a_pair_is_told_as_such(tmp_path: Path) -> None:
    """Of a keygen that was killed between the two: the public one is there first."""
    private, public = keys.make_pair(tmp_path / "k", False)
    before = public.read_bytes()
    private.unlink()
    with pytest.raises(InputError, match=r"KEY-EXISTS.*k\.pub is already there, without .*killed"):
        keys.make_pair(tmp_path / "k", False)
    assert public.read_bytes() == before
    assert not private.exists()


def between(monkeypatch: pytest.MonkeyPatch, suffix: str, meanwhile: Callable[[], object]) -> None:
    """Something happens just before a file of a pair is put into its place."""

    def write(goal: Path, *arguments: Any, **named: Any) -> bool:
        if goal.suffix == suffix:
            monkeypatch.undo()
            meanwhile()
        return write_new(goal, *arguments, **named)

    monkeypatch.setattr(keys, "write_new", write)


def test_who_comes_second_overwrites_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another keygen is done after this one looked whether there is a pair."""
    between(monkeypatch, ".pub", lambda: keys.make_pair(tmp_path / "k", False))
    with pytest.raises(InputError, match="KEY-EXISTS"):
        keys.make_pair(tmp_path / "k", True)
    assert a_pair(tmp_path / "k")
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("public_too", [False, True])
def test_a_private_key_that_came_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, public_too: bool
) -> None:
    """And the public one of this pair goes, if it is still that: it would not fit."""
    others = keys.make_pair(tmp_path / "others" / "k", False)

    def meanwhile() -> None:
        for file in others[: 1 + public_too]:
            shutil.copy(file, tmp_path / file.name)

    between(monkeypatch, ".key", meanwhile)
    with pytest.raises(InputError, match=r"KEY-EXISTS.*k\.key"):
        keys.make_pair(tmp_path / "k", False)
    assert (tmp_path / "k.key").read_bytes() == others[0].read_bytes()
    assert (tmp_path / "k.pub").exists() == public_too
    assert not public_too or a_pair(tmp_path / "k")


def test_a_private_key_that_cannot_be_written_leaves_no_public_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "full")

    between(monkeypatch, ".key", full)
    with pytest.raises(OSError, match="full"):
        keys.make_pair(tmp_path / "k", False)
    assert list(tmp_path.iterdir()) == []


def a_pair(out: Path) -> bool:
    key, marked = keys.read_private(out.with_name(f"{out.name}.key"))
    public = keys.read_public(out.with_name(f"{out.name}.pub"))
    return (keys.fingerprint(key.public_key()), marked) == (public.fingerprint, public.development)


MAKER = """
import sys
from pathlib import Path
from cxredge.bundle.keys import make_pair
from cxredge.errors import InputError
won = []
sys.stdin.read()
for number in range(40):
    try:
        make_pair(Path(sys.argv[1]) / str(number), False)
        won.append(number)
    except InputError as error:
        assert error.code == "KEY-EXISTS"
print(*won)
"""


def test_of_many_at_once_one_makes_the_pair(tmp_path: Path) -> None:
    makers = [
        subprocess.Popen(
            [sys.executable, "-c", MAKER, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    for maker in makers:
        assert maker.stdin is not None
        maker.stdin.close()
        maker.stdin = None
    said = [maker.communicate(timeout=120)[0] for maker in makers]
    assert [maker.returncode for maker in makers] == [0] * 3
    assert sorted(int(number) for words in said for number in words.split()) == list(range(40))
    assert all(a_pair(tmp_path / str(number)) for number in range(40))
    assert len(list(tmp_path.iterdir())) == 80


def p384() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP384R1())


def openssl(*arguments: str) -> bytes:
    return subprocess.run(["openssl", *arguments], capture_output=True, check=True).stdout


def public_pem(key: Any) -> bytes:
    return key.public_key().public_bytes(PEM, serialization.PublicFormat.SubjectPublicKeyInfo)


def good() -> ec.EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


BAD_PUBLIC = {
    "nothing": lambda: b"",
    "words": lambda: b"cxredge development key\n",
    "another curve": lambda: public_pem(p384()),
    "RSA": lambda: public_pem(rsa.generate_private_key(65537, 2048)),
    "a private key": lambda: good().private_bytes(PEM, PKCS8, PLAIN),
    "two keys": lambda: public_pem(good()) * 2,
    "damaged base64": lambda: public_pem(good()).replace(b"MFkw", b"MFk*"),
    "a point off the curve": lambda: public_pem(good()).replace(b"MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE", b"A" * 36),
    "huge": lambda: b"x\n" * 10_000 + public_pem(good()),
    "SM2, which the library does not know": lambda: (CASES / "sm2.pub").read_bytes(),
    "Ed25519": lambda: public_pem(ed25519.Ed25519PrivateKey.generate()),
    "Ed448": lambda: public_pem(ed448.Ed448PrivateKey.generate()),
    "X25519": lambda: public_pem(x25519.X25519PrivateKey.generate()),
    "DSA": lambda: public_pem(dsa.generate_private_key(1024)),
    "another curve of 256 bits": lambda: public_pem(ec.generate_private_key(ec.SECP256K1())),
    "parameters written out": lambda: openssl("ecparam", "-name", "prime256v1", "-param_enc", "explicit", "-genkey"),
    "a certificate": lambda: b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",
    "a key of another label": lambda: public_pem(good()).replace(b"PUBLIC KEY", b"RSA PUBLIC KEY"),
    "Diffie-Hellman": lambda: public_pem(dh.generate_parameters(2, 512).generate_private_key()),
    "lower case": lambda: public_pem(good()).lower(),
    "noise": lambda: b"-----BEGIN PUBLIC KEY-----\n" + bytes(range(256)) + b"\n-----END PUBLIC KEY-----\n",
    "cut short": lambda: public_pem(good())[:-30],
}
BAD_PRIVATE = {
    "a public key": lambda: public_pem(good()),
    "another curve": lambda: p384().private_bytes(PEM, PKCS8, PLAIN),
    "a password": lambda: good().private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret")),
    "a password, in OpenSSL's old form": lambda: good().private_bytes(
        PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.BestAvailableEncryption(b"secret")
    ),
    "RSA": lambda: rsa.generate_private_key(65537, 2048).private_bytes(PEM, PKCS8, PLAIN),
    "Ed25519": lambda: ed25519.Ed25519PrivateKey.generate().private_bytes(PEM, PKCS8, PLAIN),
    "two keys": lambda: good().private_bytes(PEM, PKCS8, PLAIN) * 2,
    "parameters before the key": lambda: openssl("ecparam", "-name", "prime256v1", "-genkey"),
    "huge": lambda: b"x\n" * 10_000 + good().private_bytes(PEM, PKCS8, PLAIN),
    "nothing": lambda: b"",
}


@pytest.mark.parametrize("what", BAD_PUBLIC)
def test_bad_public_keys_are_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "k.pub").write_bytes(BAD_PUBLIC[what]())
    with pytest.raises(InputError) as caught, warnings.catch_warnings(action="error"):
        keys.read_public(tmp_path / "k.pub")
    assert caught.value.code == "KEY-SYNTAX"


@pytest.mark.parametrize("what", BAD_PRIVATE)
def test_bad_private_keys_are_refused(tmp_path: Path, what: str) -> None:
    (tmp_path / "k.key").write_bytes(BAD_PRIVATE[what]())
    (tmp_path / "k.key").chmod(0o600)
    with pytest.raises(InputError) as caught, warnings.catch_warnings(action="error"):
        keys.read_private(tmp_path / "k.key")
    assert caught.value.code == "KEY-SYNTAX"
    assert ("openssl pkey" in caught.value.fix) == ("password" in what)


def test_a_folder_and_a_missing_file_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing"):
        for read in (keys.read_public, keys.read_private):
            with pytest.raises(InputError, match="PATH-READ"):
                read(path)


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660, 0o602, 0o610, 0o677])
def test_a_private_key_that_others_may_reach_signs_nothing(tmp_path: Path, mode: int) -> None:
    private, _ = keys.make_pair(tmp_path / "k k", False)
    (tmp_path / "link").symlink_to(private)
    keys.read_private(tmp_path / "link")
    private.chmod(mode)
    for path in (private, tmp_path / "link"):
        with pytest.raises(InputError) as caught:
            keys.read_private(path)
        assert caught.value.code == "KEY-EXPOSED"
        assert f"{mode:04o}" in caught.value.cause
        assert f"chmod 600 '{path}'" in caught.value.fix or " " not in str(path)
    subprocess.run(["sh", "-c", f"chmod 600 {shlex.quote(str(private))}"], check=True)
    keys.read_private(tmp_path / "link")


@pytest.mark.parametrize("out", [".", "/", "..", "", "folder", "folder/", "folder/.", "new/"])
def test_a_pair_has_a_name(tmp_path: Path, out: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    with pytest.raises(InputError) as caught:
        keys.make_pair(out, False)
    assert caught.value.code == "KEY-NAME"
    assert [p.name for p in tmp_path.rglob("*")] == ["folder"]


def test_a_link_that_leads_nowhere_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "k.key").symlink_to("nowhere")
    with pytest.raises(InputError, match="KEY-EXISTS"):
        keys.make_pair(tmp_path / "k", False)
    assert (tmp_path / "k.key").is_symlink()
