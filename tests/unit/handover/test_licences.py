"""Licences as packages state them, their classes, and the verdict on deliverables."""

from __future__ import annotations

from pathlib import Path

import pytest

from posemill.handover.licences import _judge, deliverables, verdict
from posemill.handover.packages import (
    NETWORK,
    PERMISSIVE,
    PROPRIETARY,
    STRONG,
    UNKNOWN,
    WEAK,
    Package,
    licence_class,
    locked_packages,
)

REPOSITORY = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ("Apache-2.0", PERMISSIVE),
        ("BSD-3-Clause AND MIT", PERMISSIVE),
        ("BSD 3 clause", PERMISSIVE),
        ("Apache-2.0 WITH LLVM-exception", PERMISSIVE),
        ("MPL-2.0 AND MIT", WEAK),
        ("LGPL with exceptions", WEAK),
        ("GPLv2 with linking exception", WEAK),
        ("MIT OR GPL-3.0-or-later", PERMISSIVE),
        ("GNU General Public License v3", STRONG),
        ("GNU AGPLv3", NETWORK),
        ("LicenseRef-NVIDIA-Proprietary", PROPRIETARY),
        ("something else", UNKNOWN),
    ],
)
def test_classes_of_licences(said: str, kind: str) -> None:
    assert licence_class(said) == kind


def package(name: str, kind: str) -> Package:
    return Package(name, "1", kind, kind, ())


def test_a_network_copyleft_package_makes_a_deliverable_agpl() -> None:
    free = _judge("small", ("a/",), "Apache-2.0", [package("numpy", PERMISSIVE), package("certifi", WEAK)], {})
    assert (free.sold, free.licence) == (True, "Apache-2.0")
    assert "certifi" in free.verdict
    bound = _judge("large", ("b/",), "Apache-2.0", [package("openpifpaf-vita", NETWORK)], {})
    assert (bound.sold, "AGPL-3.0" in bound.licence, "openpifpaf-vita" in bound.verdict) == (False, True, True)
    cuda = _judge("cuda", ("c/",), "Apache-2.0", [package("nvidia-cufft", PROPRIETARY)], {})
    assert not cuda.sold
    said = verdict([free, bound])
    assert said.index("small") < said.index("further terms") < said.index("large (Apache-2.0 AND AGPL-3.0)")


@pytest.mark.parametrize(
    ("said", "sold"),
    [
        ("CC0-1.0", True),
        ("the client's own", True),
        (None, False),
        ("CC-BY-NC-4.0", False),
        ("for research only", False),
    ],
)
def test_a_model_is_sold_only_where_the_licence_of_its_data_permits_it(said: str | None, sold: bool) -> None:
    part = _judge("model", ("models/",), "Apache-2.0", [package("numpy", PERMISSIVE)], {"gym": said, "own": "CC0-1.0"})
    assert part.sold is sold
    assert ("gym" in part.verdict) is not sold


def test_the_services_of_this_repository() -> None:
    """The small service may be sold; the one that poses with OpenPifPaf is AGPL, also where its code alone says so."""
    packages = locked_packages(REPOSITORY / "requirements.lock")
    parts = {
        p.name: p
        for p in deliverables(packages, "openpifpaf", REPOSITORY, ["bentoml", "edge", "code"], {"own": "CC0-1.0"})
    }
    small, analysis = parts["small service posemill-activity"], parts["analysis service posemill-analysis"]
    assert (small.sold, small.licence) == (True, "Apache-2.0")
    assert (analysis.sold, "AGPL" in analysis.licence) == (False, True)
    assert parts["edge export"].sold


def test_every_pin_of_the_lock_is_there_with_its_hashes() -> None:
    packages = locked_packages(REPOSITORY / "requirements.lock")
    text = (REPOSITORY / "requirements.lock").read_text()
    assert len(packages) == sum(line[0].isalnum() and "==" in line for line in text.splitlines())
    assert sum(len(p.hashes) for p in packages) == text.count("--hash=sha256:")
    assert {p.name: p.kind for p in packages}["openpifpaf-vita"] == NETWORK
    assert "fastapi" in next(p for p in packages if p.name == "prefect").needs
