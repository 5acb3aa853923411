"""``cxredge verify-signature``: who signed a bundle, and whether it is still what they signed."""

from __future__ import annotations

from pathlib import Path

import click

from cxredge.cli.output import as_json, say, say_json


@click.command("verify-signature")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--pub",
    "publics",
    required=True,
    multiple=True,
    type=click.Path(path_type=Path),
    help="Public key of someone whom you trust for this model; may be given several times.",
)
@click.option("--not-before", metavar="VERSION", help="Take no version of the model before this one, such as 1.2.0.")
@as_json
def verify_signature(bundle: Path, publics: tuple[Path, ...], not_before: str | None, as_json: bool) -> None:
    """Check BUNDLE's signature, its list of files and every hash, before anything but its manifest is parsed."""
    import re

    from cxredge.bundle.keys import read_public
    from cxredge.bundle.signature import verify_signature as verify
    from cxredge.errors import printable
    from cxredge.vocabulary import VERSION

    if not_before is not None and not re.fullmatch(VERSION, not_before):
        raise click.UsageError(f"--not-before {not_before[:40]!r} is no version such as 1.2.0")
    signed = verify(bundle, [read_public(path) for path in publics], not_before)
    if as_json:
        from cxredge.cli.answers import Signer

        model, by = signed.manifest.model, signed.key
        say_json(
            Signer(
                bundle=signed.manifest.id,
                version=model.version,
                key=str(by.file),
                fingerprint=by.fingerprint,
                development=by.development,
            )
        )
        return
    say(f"{signed.manifest.id}: signed by {signed.key.fingerprint} ({printable(str(signed.key.file))})")
    if signed.key.development:
        say("DEVELOPMENT KEY: anyone may have it; do not release this bundle, or an app that trusts it")
