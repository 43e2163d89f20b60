"""`posemill handover`, `posemill verify`, `posemill reproduce`: a project as one signed archive, for its client."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from posemill.cli.output import modes, table

if TYPE_CHECKING:
    from posemill.handover.keys import SigningKey

FILE = click.Path(path_type=Path, dir_okay=False)
KEY = "Private key that signs (PEM, P-256); default: .posemill/keys/handover.pem, which is made on first use."
MEDIA = "Include the media of a data set, or of `all`; may be repeated. Without it: keypoints, no pixels."
DATA_LICENCE = "Licence of a data set, for documents and bills of materials; needed with --media. May be repeated."
PASSPHRASE = "File whose first line is the key's passphrase; without it a protected key asks."
WHEELHOUSE = "Include the locked packages, for a client without a package index."
RECIPIENT = "Encrypt to an age recipient (age1…, ssh-ed25519 …); may be repeated."
IDENTITY = "File with your age identity, for an encrypted bundle."
PUBLIC_KEY = "Public key (PEM) that should have signed it."
FINGERPRINT = "Fingerprint of that key instead: 64 hexadecimal digits."
RETRAIN = "Also train again with the bundle's parameters, and compare within the stated interval; takes minutes."


@click.command()
@click.argument("out", type=FILE)
@click.option("--key", "key_file", type=FILE, help=KEY)
@click.option("--passphrase-file", type=FILE, help=PASSPHRASE)
@click.option("--media", multiple=True, metavar="DATASET", help=MEDIA)
@click.option("--data-licence", "data_licences", multiple=True, metavar="DATASET=TEXT", help=DATA_LICENCE)
@click.option("--wheelhouse", is_flag=True, help=WHEELHOUSE)
@click.option("--recipient", "recipients", multiple=True, metavar="AGE", help=RECIPIENT)
@modes
def handover(
    out: Path,
    key_file: Path | None,
    passphrase_file: Path | None,
    media: tuple[str, ...],
    data_licences: tuple[str, ...],
    wheelhouse: bool,
    recipients: tuple[str, ...],
    quiet: bool,
    as_json: bool,
) -> None:
    """Write everything that a client owns of this workspace into one signed archive, OUT.

    Models, bentos, exports, code, data without pixels, lineage, reports, documentation, licences, bills of materials.
    `python OUT` verifies it, with nothing but Python.

    \b
      posemill handover out.posemill
      posemill handover out.posemill --recipient age1…
      posemill handover out.posemill --media gym --data-licence "gym=the client's own"
    """
    from posemill.handover.build import Options, hand_over
    from posemill.settings import Settings

    settings = Settings.from_env()
    key = signing_key(settings.home, key_file, passphrase_file)
    bundle = hand_over(settings, out, key, Options(media, dict(map(_pair, data_licences)), wheelhouse, recipients))
    if as_json:
        parts = {part.name: {"files": part.files, "bytes": part.size} for part in bundle.parts}
        said = {"bundle": str(out), "bytes": bundle.size, "parts": parts, "licences": bundle.verdict}
        click.echo(json.dumps({**said, "fingerprint": bundle.fingerprint, "left_out": dict(bundle.left_out)}))
        return
    for name, why in bundle.left_out.items():
        click.echo(f"posemill: left out: {name}: {why}", err=True)
    if quiet:
        return
    rows = [{"part": p.name, "files": p.files, "mb": f"{p.size / 1e6:.2f}"} for p in bundle.parts]
    table(rows, ("part", "files", "mb"), False, "it is empty")
    click.echo(f"\nbundle    {out}, {bundle.size / 1e6:.1f} MB{', encrypted' if recipients else ''}")
    click.echo(f"licences  {bundle.verdict}")
    click.echo(f"key       {bundle.fingerprint}")
    click.echo("          tell the client this fingerprint by another way than the bundle")


@click.command()
@click.argument("bundle", type=FILE)
@click.option("--key", "key_file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help=PUBLIC_KEY)
@click.option("--fingerprint", help=FINGERPRINT)
@click.option("--identity", type=FILE, help=IDENTITY)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def verify(bundle: Path, key_file: Path | None, fingerprint: str | None, identity: Path | None, as_json: bool) -> None:
    """Verify a bundle: signature, every digest, missing and added files, SBOM, licences, lineage. No network is used.

    Without --key or --fingerprint the signature is compared with the key in the bundle: compare the fingerprint that is
    printed with the one that you were told. `python BUNDLE` does the same without posemill.

    \b
      posemill verify out.posemill --key client-copy.pub
    """
    from posemill.handover.encryption import decrypted
    from posemill.handover.verifier import ecdsa
    from posemill.handover.verifier.main import report
    from posemill.handover.verifier.main import verify as run_checks

    expected = ecdsa.fingerprint(key_file.read_bytes()) if key_file else fingerprint
    with decrypted(bundle, identity) as plain:
        checks = run_checks(plain, expected and expected.lower())
    click.echo(report(checks, as_json))
    sys.exit(0 if all(check.passed for check in checks) else 1)


@click.command()
@click.argument("bundle", type=FILE)
@click.option("--retrain", is_flag=True, help=RETRAIN)
@click.option("--identity", type=FILE, help=IDENTITY)
@modes
def reproduce(bundle: Path, retrain: bool, identity: Path | None, quiet: bool, as_json: bool) -> None:
    """Re-derive the headline accuracy of a bundle clip by clip, by its own code, data and model, and compare.

    \b
      posemill reproduce out.posemill
      posemill reproduce out.posemill --retrain
    """
    from posemill.handover.encryption import decrypted
    from posemill.handover.reproduce import reproduce as run

    with decrypted(bundle, identity) as plain:
        outcome = run(plain, retrain)
    if as_json:
        figures = {"accuracy": outcome.accuracy, "stated": outcome.stated, "clips": outcome.clips}
        said = {**figures, "retrained": outcome.retrained, "different": outcome.different}
        click.echo(json.dumps({"passed": outcome.passed, **said, "steps": [vars(step) for step in outcome.steps]}))
    elif not quiet:
        width = max(len(step.name) for step in outcome.steps)
        for step in outcome.steps:
            click.echo(f"{'ok  ' if step.passed else 'FAIL'}  {step.name.ljust(width)}  {step.says}")
        for row in outcome.different:
            click.echo(f"      clip {row['clip']}: stated {row['stated']}, now {row['answer']}", err=True)
    sys.exit(0 if outcome.passed else 1)


def _pair(text: str) -> tuple[str, str]:
    name, sign, licence = text.partition("=")
    if not (name and sign and licence):
        raise click.BadParameter(f"DATASET=TEXT is expected, came {text!r}", param_hint="--data-licence")
    return name, licence


def signing_key(home: Path, path: Path | None, passphrase_file: Path | None) -> SigningKey:
    """The key that is named, or the workspace's own, which is made on first use."""
    from posemill.handover.keys import default_path, generate_key, is_protected, load_key

    file = path or default_path(home)
    if path is None and not file.exists():
        key = generate_key(file)
        click.echo(f"made a signing key, {file}: keep it, and a copy of it in a safe place", err=True)
        return key
    passphrase = None
    if passphrase_file is not None:
        passphrase = passphrase_file.read_bytes().partition(b"\n")[0].rstrip(b"\r")
    elif is_protected(file):
        passphrase = click.prompt(f"passphrase of {file}", hide_input=True, err=True).encode()
    return load_key(file, passphrase)
