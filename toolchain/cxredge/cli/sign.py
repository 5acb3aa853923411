"""``cxredge sign``: put a signature into a bundle."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say, say_json


@click.command()
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--key", required=True, type=click.Path(path_type=Path), help="Private key, as `cxredge keygen` writes it."
)
@as_json
def sign(bundle: Path, key: Path, as_json: bool) -> None:
    """Check every file of BUNDLE against its manifest, then write BUNDLE/model.sig.

    The form is OpenSSF model-signing's: its tools verify it too. The same bundle and key give the same bytes.
    """
    from cxredge.bundle.sign import sign_bundle
    from cxredge.errors import printable

    fingerprint, development = sign_bundle(bundle, key)
    if as_json:
        from cxredge.cli.answers import Signature

        say_json(Signature(bundle=str(bundle), fingerprint=fingerprint, development=development))
        return
    kind = "DEVELOPMENT KEY, not for release" if development else "key"
    say(f"{printable(str(bundle))}: signed with {kind} {fingerprint}")
