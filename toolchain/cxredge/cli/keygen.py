"""``cxredge keygen``: keys for signing bundles."""

from __future__ import annotations

import click

from cxredge.cli.output import as_json, say, say_json


@click.command()
@click.argument("out", type=click.Path())
@click.option("--development", is_flag=True, help="Mark it in its files as a development key, which apps show.")
@as_json
def keygen(out: str, development: bool, as_json: bool) -> None:
    """Write OUT.key (private, for you alone) and OUT.pub (what an app is built with): ECDSA on P-256.

    Neither is ever overwritten. The private key has no password: keep it where only those who release can read it.
    """
    from cxredge.bundle.keys import make_pair, read_public
    from cxredge.errors import printable

    private, public = make_pair(out, development)
    fingerprint = read_public(public).fingerprint
    if as_json:
        from cxredge.cli.answers import KeyPair

        say_json(KeyPair(private=str(private), public=str(public), fingerprint=fingerprint, development=development))
        return
    kind = "development key" if development else "key"
    say(f"{kind} {fingerprint}")
    say(f"private: {printable(str(private))}")
    say(f"public: {printable(str(public))}")
