"""report.json, also with its former field names."""

from __future__ import annotations

import json
from pathlib import Path

from posemill.uat.provenance import Provenance
from posemill.uat.report import Report, read

DIGESTS = dict.fromkeys(("model", "features", "classes"), "0" * 64)


def test_a_report_with_a_receipt_is_read_with_its_provenance(tmp_path: Path) -> None:
    provenance = Provenance.of("posemill-analysis:a", DIGESTS)
    report = Report(
        run="0" * 16,
        at="2026-01-01T00:00:00+00:00",
        posemill="0",
        bento=provenance.bento,
        provenance=provenance,
        passed=True,
        says="1 of 1 scenarios passed",
        scenarios=(),
        files={},
    )
    written = json.loads(report.model_dump_json())
    assert written["provenance"]["id"] == provenance.id
    before = {("receipt" if name == "provenance" else name): value for name, value in written.items()}
    (tmp_path / "report.json").write_text(json.dumps(before))
    assert read(tmp_path) == report
