"""Chapters of a documentation about the bundle: operation, retraining, roll-back, content, licences, signature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from posemill.handover.documents.content import Section
from posemill.handover.facts import ProjectFacts
from posemill.handover.licences import Deliverable
from posemill.handover.packages import PERMISSIVE, Package


@dataclass(frozen=True)
class Handed:
    """Facts about the bundle itself, known when its documentation is written.

    folders      its top-level folders and files.
    fingerprint  of the key that signs it.
    left_out     what is not in it, with why.
    made_at      time, ISO.
    """

    name: str
    folders: Sequence[str]
    deliverables: Sequence[Deliverable]
    packages: Sequence[Package]
    fingerprint: str
    left_out: Mapping[str, str]
    made_at: str
    media: int


WRITTEN_LATER = ("documents/", "licences/", "manifest.json", "model.sig")  # when the documents are written
CONTENT = {
    "documents/": "this documentation as HTML and PDF, model card, data card, pictures as SVG",
    "models/": "the activity network as ONNX, OpenVINO and safetensors, feature pipeline, classes, calibration",
    "bentoml/": "both services as bentos, a BentoML store",
    "edge/": "folder for a device with cameras",
    "browser/": "live page for any static web server",
    "workspace/": "parameters, graph, suites, and the outputs of all stages: tracks, labels, windows, reports",
    "media/": "videos and pictures, by SHA-256",
    "code/": "source code at its commit",
    "lineage/": "graph, clips, media, windows and verdicts as JSON and CSV",
    "acceptance/": "signed verdicts of acceptance",
    "licences/": "licences of everything, with a verdict on each deliverable",
    "sbom/": "CycloneDX bills of materials: packages, models",
    "requirements.lock": "locked packages with hashes",
    "wheelhouse/": "the locked packages themselves",
    "verifier/": "the verifier, standard library only",
    "__main__.py": "starts the verifier: python BUNDLE",
    "reproduce.py": "re-derives the accuracy in the unpacked bundle",
    "signing-key.pub": "public key of the signature",
    "manifest.json": "every file with size and SHA-256",
    "model.sig": "signature over every file, OpenSSF model signing",
}


def operation(facts: ProjectFacts, handed: Handed) -> Section:
    """Verifying, installing, serving and watching."""
    section = (
        Section("How to operate it")
        .text("Commands run in the unpacked bundle.")
        .heading("Verify what arrived")
        .commands(
            "python BUNDLE", "python BUNDLE --fingerprint FINGERPRINT --unpack FOLDER   # the one that you were told"
        )
        .text("Both need Python 3.9 or newer and nothing else; no network is used.")
        .heading("Install")
        .commands(*_installation(facts, handed))
        .heading("Services")
        .commands(
            "export BENTOML_HOME=$PWD/bentoml",
            f"bentoml serve {facts.tags['activity']}      # keypoints → activities",
            f"bentoml serve {facts.tags['analysis']}      # videos → activities; page at /uat",
        )
        .text(
            "A service that listens beyond localhost asks for API keys (`posemill keys add CLIENT`). /readyz says "
            "that it is ready, /metrics has counters for Prometheus, /docs describes the endpoints. `posemill "
            "container FOLDER` writes a container image's build context. `posemill monitor` compares what is served "
            "with the training data."
        )
    )
    if "edge/" in handed.folders:
        section.heading("Device with cameras").commands(
            "edge/install.sh", "edge/posemill-edge check", "edge/posemill-edge run 0"
        )
    if "browser/" in handed.folders:
        section.heading("Browser").commands("python -m http.server --directory browser 8000   # http://localhost:8000")
    for name, why in handed.left_out.items():
        section.text(f"There is no {name} export: {why}.")
    return section


def _installation(facts: ProjectFacts, handed: Handed) -> list[str]:
    if facts.code.commit is None:  # an installed package: its source has no build files
        return [
            "python3.11 -m venv .venv && . .venv/bin/activate",
            "pip install --no-deps --require-hashes -r requirements.lock",
            "export PYTHONPATH=$PWD/code/src",
        ]
    offline = "UV_FIND_LINKS=$PWD/wheelhouse " if "wheelhouse/" in handed.folders else ""
    return [
        f"{offline}make -C code setup          # into code/.venv: the locked packages, and posemill",
        ". code/.venv/bin/activate",
    ]


def retraining() -> Section:
    """Training again, with the same data and with new ones."""
    return (
        Section("How to retrain it")
        .text(
            "`workspace/` is a posemill workspace: parameters, graph, and the outputs of all stages. Tracks and "
            "labels are in it, so windows, network and evaluation can be made again without any video:"
        )
        .commands(
            "cd workspace && export POSEMILL_WORKSPACE=$PWD",
            "posemill stage prepare && posemill stage train && posemill stage evaluate",
        )
        .text("With new data, in a clone of `code/` with its own database:")
        .commands(
            "posemill add videos/ --activity-from-folder",
            "dvc repro        # labels, validates, trains, evaluates and packages what changed",
            "posemill summary",
        )
        .text(
            "A model on the wrong side of a gate (`evaluate.gates` in params.yaml) is not packaged. `posemill "
            "reproduce BUNDLE --retrain` trains this very model again and compares."
        )
    )


def rolling_back(facts: ProjectFacts) -> Section:
    """Serving an earlier version."""
    return (
        Section("How to roll back")
        .text("Bentos are never overwritten: a version is a digest of its content. To serve an earlier one, name it:")
        .commands(
            "posemill models list --history",
            'posemill models rollback --reason "false alarms at night"',
            f"posemill serve --bento {facts.tags['analysis']}",
        )
        .text("On a device, put the folder of the earlier edge export back; its `edge.json` names the model.")
    )


def content(handed: Handed) -> Section:
    """Table of the parts of the bundle."""
    present = [name for name in CONTENT if name in handed.folders or name in WRITTEN_LATER]
    rows = [(name, CONTENT[name]) for name in present]
    section = Section("What is in the bundle").table(("part", "content"), rows, "", (0.28, 0.72))
    if handed.media:
        return section.text(f"{handed.media} media are included.")
    return section.text("No videos or pictures are included: tracks are keypoints without pixels.")


def licences(handed: Handed) -> Section:
    """Verdicts, and packages that are not permissive."""
    others = [p for p in handed.packages if p.kind != PERMISSIVE and p.here]
    return (
        Section("Licences")
        .text("Read from the packages' own metadata; a statement of facts, not legal advice.")
        .table(
            ("deliverable", "licence", "verdict"),
            [(part.name, part.licence, part.verdict) for part in handed.deliverables],
            "What may be sold, and under which terms",
            (0.24, 0.18, 0.58),
        )
        .table(
            ("package", "licence", "kind"),
            [(f"{p.name} {p.version}", p.licence, p.kind) for p in others],
            f"Locked packages that are not permissive: {len(others)} of {len(handed.packages)}",
            (0.4, 0.38, 0.22),
        )
        .text("All packages: licences/licences.json and sbom/sbom.cdx.json.")
    )


def trust(facts: ProjectFacts, handed: Handed) -> Section:
    """Signature, fingerprint and digests."""
    commit = facts.code.commit
    rows = [
        ("fingerprint of the key", handed.fingerprint),
        ("model (ONNX)", facts.digests["model"]),
        ("weights (safetensors)", facts.digests["weights"]),
        ("clips and labels", facts.digests["clips"]),
        ("code", f"commit {commit}" if commit else "installed package"),
    ]
    return (
        Section("Lineage and signature")
        .text(
            "model.sig signs the SHA-256 of every file (OpenSSF model signing v1.0, ECDSA P-256). The verifier in a "
            "bundle is as trustworthy as the bundle: compare the fingerprint with the one that you were told by "
            "another way, or use the verifier of a bundle that you trust already (`python TRUSTED_BUNDLE "
            "NEW_BUNDLE`).",
            "Lineage leads from every test clip over its medium, track and windows to the network, and back: "
            "graph.json has the digests of all stages, clips.csv every clip with its split, verdicts.csv every "
            "verdict.",
        )
        .table(("what", "SHA-256"), rows, "", (0.3, 0.7))
    )
