"""Every reader of foreign bytes is fuzzed a little, with a fixed seed: no crash, no other error, nothing outside.

Slow (about a minute): parsers of many libraries are loaded, each of some 40 targets with its small real files.
`make fuzz` runs the same for longer.
"""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from fuzzing.campaign import BEGIN, END, run, table, write
from fuzzing.mutate import mutated
from fuzzing.targets import TARGETS

pytestmark = pytest.mark.slow
EXECUTIONS, SECONDS, SEED, GROUPS = 120, 1.0, 3, 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_no_mutated_file_does_anything_but_being_read_or_refused(group: int, tmp_path: Path) -> None:
    names = list(TARGETS)[group::GROUPS]
    results = run(names, SEED, SECONDS, tmp_path, EXECUTIONS)
    assert [r["target"] for r in results] == names
    assert [(r["target"], r["findings"]) for r in results if r["findings"]] == []
    assert all(r["executions"] > 0 for r in results)


def test_what_a_reader_does_wrong_is_found(tmp_path: Path) -> None:
    """A reader that opens, starts, unpickles, takes memory or fails by itself: the watch itself has to see it."""
    script = tmp_path / "sitecustomize.py"
    script.write_text(
        "import fuzzing.targets as t\n"
        "def seeds(folder): return [{'a': b'12'}]\n"
        "import pickle, socket\n"
        "def opens(folder): open('/etc/hostname').close()\n"
        "def fails(folder): {}['x'] if (folder / 'a').read_bytes() != b'12' else None\n"
        "def unpickles(folder): pickle.loads(b'cos\\ngetpid\\n.')\n"
        "def starts(folder): import subprocess; subprocess.run(['true'])\n"
        "def ends(folder):\n"
        "    import os\n"
        "    if (folder / 'a').read_bytes() != b'12': os.abort()\n"
        "for name, read in dict(opens=opens, fails=fails, unpickles=unpickles, starts=starts, ends=ends).items():\n"
        "    t.TARGETS[name] = t.Target(name, name, seeds, read)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tmp_path))
        names = ["opens", "fails", "unpickles", "starts", "ends"]
        results = {r["target"]: r["findings"] for r in run(names, 1, 1.0, tmp_path, 20)}
    assert [results[name][0]["kind"] for name in names] == ["outside", "KeyError", "outside", "outside", "crash"]
    assert "/etc/hostname" in results["opens"][0]["says"]
    assert "posix.getpid" in results["unpickles"][0]["says"] or "os.getpid" in results["unpickles"][0]["says"]
    assert Path(results["fails"][0]["input"], "a").read_bytes() != b"12"


def test_mutations_are_those_of_their_seed() -> None:
    contents = [b'{"a": [1, 2, {"b": null}]}', b"1,2\n3,4\n", bytes(range(256))]
    first, again = ([mutated(c, random.Random(5), contents) for c in contents * 20] for _ in range(2))
    assert first == again
    assert len(set(first)) >= len(contents)


def test_the_page_is_written_between_its_markers(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    result = {"target": "npz", "seed": 1, "executions": 1234, "read": 4, "refused": 1230, "lines": 33, "slowest_s": 0.1}
    write(page, table([result | {"memory_mib": 2, "findings": []}], 60))
    text = page.read_text()
    assert text.startswith("before\n")
    assert text.endswith("after\n")
    assert "old" not in text
    assert "1,234 executions, **0 findings**" in text
