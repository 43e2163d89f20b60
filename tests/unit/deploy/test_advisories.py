"""Locked packages against advisories in OSV's format: known versions, ranges, and what was accepted for a while."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from posemill.errors import InputError
from posemill.handover.bills import write_sbom
from posemill.handover.packages import locked_packages

REPOSITORY = Path(__file__).resolve().parents[3]
spec = importlib.util.spec_from_file_location("advisories", REPOSITORY / "tools" / "advisories.py")
assert spec is not None
assert spec.loader is not None
tool = importlib.util.module_from_spec(spec)
sys.modules["advisories"] = tool
spec.loader.exec_module(tool)


def advisory(name: str = "numpy", **entry: Any) -> dict[str, Any]:
    package = {"ecosystem": "PyPI", "name": name}
    return {
        "id": "GHSA-test-0001",
        "aliases": ["CVE-2026-0001"],
        "modified": "2026-11-01T00:00:00Z",
        "summary": "reads too far",
        "affected": [{"package": package, **entry}],
    }


def ranged(*events: dict[str, str]) -> dict[str, Any]:
    return {"ranges": [{"type": "ECOSYSTEM", "events": list(events)}]}


@pytest.mark.parametrize(
    ("version", "entry", "hit"),
    [
        ("2.4.6", ranged({"introduced": "0"}, {"fixed": "2.4.7"}), True),
        ("2.4.7", ranged({"introduced": "0"}, {"fixed": "2.4.7"}), False),
        ("2.4.6", ranged({"introduced": "2.5"}), False),
        ("2.4.6", ranged({"introduced": "1.0"}, {"last_affected": "2.4.6"}), True),
        ("2.4.10", ranged({"introduced": "1.0"}, {"last_affected": "2.4.6"}), False),
        ("3.1", ranged({"introduced": "1"}, {"fixed": "2"}, {"introduced": "3"}, {"fixed": "3.2"}), True),
        ("2.1", ranged({"introduced": "3"}, {"fixed": "3.2"}, {"introduced": "1"}, {"fixed": "2"}), False),
        ("2.4.6", {"versions": ["2.4.5", "2.4.6"]}, True),
        ("2.4.6", {"ranges": [{"type": "GIT", "events": [{"introduced": "0"}]}]}, False),
    ],
)
def test_versions_and_ranges(version: str, entry: dict[str, Any], hit: bool) -> None:
    assert tool.is_affected(version, entry) is hit
    assert bool(tool.affected([("NumPy", version)], [advisory(**entry)])) is hit


def test_other_ecosystems_packages_and_withdrawn_advisories_do_not_count() -> None:
    all_versions = ranged({"introduced": "0"})
    other = advisory(**all_versions)
    other["affected"][0]["package"]["ecosystem"] = "npm"
    assert tool.affected([("numpy", "1")], [other]) == []
    assert tool.affected([("numpy", "1")], [advisory("scipy", **all_versions)]) == []
    assert tool.affected([("numpy", "1")], [advisory(**all_versions) | {"withdrawn": "2026-01-01"}]) == []
    assert len(tool.affected([("numpy", "1")], [advisory(**all_versions)] * 2)) == 1


def test_the_lock_is_checked_and_what_was_accepted_passes_until_its_day(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The lock of the repository, against made-up advisories in an archive, a folder and a file."""
    lock, archive = str(REPOSITORY / "requirements.lock"), tmp_path / "all.zip"
    with zipfile.ZipFile(archive, "w") as out:
        out.writestr("a.json", json.dumps(advisory(**ranged({"introduced": "0"}, {"fixed": "99"}))))
        out.writestr("b.json", json.dumps(advisory("no-such-package", **ranged({"introduced": "0"}))))
    assert tool.main([lock, str(archive)]) == 1
    out, err = capsys.readouterr()
    assert out.startswith("numpy 2.4.6: GHSA-test-0001, CVE-2026-0001: reads too far (fixed in 99)")
    assert "2 advisories (newest of 2026-11-01): 1 that affect them" in err
    passed = tmp_path / "accepted.txt"
    passed.write_text("# looked at\nCVE-2026-0001 2999-01-01 we never call it\n")
    assert tool.main([lock, str(archive), "--accepted", str(passed)]) == 0
    assert tool.accepted(passed, date(3000, 1, 1)) == {}
    single = tmp_path / "one.json"
    single.write_text(json.dumps([advisory("no-such-package", **ranged({"introduced": "0"}))]))
    assert tool.main([lock, str(single)]) == 0


def test_no_advisories_at_all_are_no_pass(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lock = str(REPOSITORY / "requirements.lock")
    assert tool.main([lock, str(tmp_path)]) == 1
    assert tool.main([lock, str(tmp_path / "absent.zip")]) == 2
    assert "fetch OSV's export" in capsys.readouterr().err
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(InputError, match="no file of advisories"):
        list(tool.read_advisories(tmp_path / "bad.json"))


def test_every_line_of_the_lock_has_a_hash_and_the_bill_of_materials_has_every_line(tmp_path: Path) -> None:
    packages = locked_packages(REPOSITORY / "requirements.lock")
    assert len(packages) > 200
    assert [p.name for p in packages if not p.hashes] == []
    (tmp_path / "sbom").mkdir()
    write_sbom(tmp_path, packages, "0.1.0")
    bill = json.loads((tmp_path / "sbom" / "sbom.cdx.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    assert {(c["name"], c["version"]) for c in bill["components"]} == {(p.name, p.version) for p in packages}
