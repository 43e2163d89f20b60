"""Check that the lineage is closed: from the media over every stage to the model, the figures and the code, no gap."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from typing import Any

from .contents import CODE, WORKSPACE, Contents
from .files import Check

GRAPH, CODE_FILE, DIGESTS = "lineage/graph.json", "lineage/code.json", "models/digests.json"
CLIPS, MEDIA, VERDICTS = "lineage/clips.csv", "lineage/media.csv", "lineage/verdicts.csv"
METRICS = WORKSPACE + "build/evaluate/metrics.json"
Entry = dict[str, Any]


def check_lineage(contents: Contents) -> Check:
    """Follow the lineage in every direction that a bundle has."""
    faults = [*_graph_faults(contents), *_package_faults(contents), *_clip_faults(contents), *_code_faults(contents)]
    if faults:
        return Check("lineage", False, "; ".join(faults[:3]))
    graph, verdicts = contents.json(GRAPH), rows(contents, VERDICTS)
    commit = contents.json(CODE_FILE)["commit"]
    code = f"code is commit {commit[:12]}" if commit else "code is an installed package, without a commit"
    right = sum(row["predicted"] == row["activity"] for row in verdicts)
    return Check(
        "lineage",
        True,
        f"closed over {len(graph['stages'])} stages and {len(rows(contents, MEDIA))} media; {code}; "
        f"accuracy {right / len(verdicts):.4f} is {right} of {len(verdicts)} test clips",
    )


def _graph_faults(contents: Contents) -> Iterator[str]:
    """Every input of a stage is the output of an earlier one or a file of the bundle, with the same digest."""
    made: dict[str, str] = {}
    for stage in contents.json(GRAPH)["stages"]:
        for entry in stage["deps"]:
            path, md5 = entry["path"], entry["md5"]
            here = md5_of(contents, path)
            if here is not None and here != md5:
                yield f"{path} is not what stage {stage['name']} read"
            inside = any(path.startswith(out + "/") for out in made)
            if path in made and made[path] != md5:
                yield f"stage {stage['name']} read another {path} than the one that was written"
            if path not in made and here is None and not inside:
                yield f"stage {stage['name']} read {path}, which is in neither the graph nor the bundle"
        for entry in stage["outs"]:
            here = md5_of(contents, entry["path"], entry.get("nfiles"))
            if here is not None and here != entry["md5"]:
                yield f"{entry['path']} is not what stage {stage['name']} wrote"
            made[entry["path"]] = entry["md5"]


def md5_of(contents: Contents, path: str, files: int | None = None) -> str | None:
    """MD5 of a file or folder of the workspace, as DVC has it; None where the bundle has it not, or not all of it."""
    if WORKSPACE + path in contents.digests:
        return contents.digests[WORKSPACE + path].md5
    prefix = f"{WORKSPACE}{path}/"
    names = contents.under(prefix)
    if not names or (files is not None and len(names) != files):
        return None
    entries = [{"md5": contents.digests[n].md5, "relpath": n[len(prefix) :]} for n in names if n in contents.digests]
    entries.sort(key=lambda entry: entry["relpath"])
    text = json.dumps(entries, sort_keys=True).encode()
    return hashlib.md5(text, usedforsecurity=False).hexdigest() + ".dir"


def _package_faults(contents: Contents) -> Iterator[str]:
    """The packaged model names the SHA-256 of all that it was made of; those files are in the bundle."""
    digests, files = contents.json(DIGESTS), contents.json(GRAPH)["package"]
    for key, name in files.items():
        if name not in contents.digests or contents.digests[name].sha256 != digests.get(key):
            yield f"{name} is not the {key} that the model was packaged with"
    unnamed = {key for key, value in digests.items() if value} - set(files) - {"code"}
    for key in sorted(unnamed):
        yield f"the {key} that the model was packaged with is not in the bundle"


def _clip_faults(contents: Contents) -> Iterator[str]:
    """Every verdict is about a clip of the test split, every clip about a medium; the headline follows from them."""
    clips = {row["clip"]: row for row in rows(contents, CLIPS)}
    media = {row["medium"] for row in rows(contents, MEDIA)}
    for number, row in clips.items():
        if row["medium"] not in media:
            yield f"clip {number} is of a medium that is not listed"
    verdicts, metrics = rows(contents, VERDICTS), contents.json(METRICS)
    for row in verdicts:
        clip = clips.get(row["clip"])
        if clip is None or clip["split"] != "test" or clip["activity"] != row["activity"]:
            yield f"the verdict on clip {row['clip']} is not about a clip of the test split"
    right = sum(row["predicted"] == row["activity"] for row in verdicts)
    if len(verdicts) != metrics["clips"] or abs(right / max(len(verdicts), 1) - metrics["accuracy"]) > 1e-9:
        yield f"{right} of {len(verdicts)} verdicts are right, which is not the accuracy {metrics['accuracy']}"
    if not any(row["split"] == "train" for row in clips.values()):
        yield "no clip of the training split is listed"


def _code_faults(contents: Contents) -> Iterator[str]:
    """The code's files hash to the tree of the commit, and its modules are those that the stages ran."""
    code = contents.json(CODE_FILE)
    if not code["same_modules"]:
        yield "the code is not what the stages ran: `dvc repro` with this code, then hand over"
    if code["commit"] is None:
        return
    commit = code["commit_object"].encode()
    if hashlib.sha1(b"commit %d\0" % len(commit) + commit, usedforsecurity=False).hexdigest() != code["commit"]:
        yield "the commit object is not that of the commit"
    files = {
        name[len(CODE) :]: contents.digests[name].blob for name in contents.under(CODE) if name in contents.digests
    }
    modes = {n: "100755" if contents.members[CODE + n].executable else "100644" for n in files}
    if tree_id(files, modes) != commit.split(b"\n")[0].removeprefix(b"tree ").decode():
        yield f"the files in {CODE} are not those of commit {code['commit'][:12]}"


def tree_id(files: dict[str, str], modes: dict[str, str]) -> str:
    """Return the id of the git tree with these blobs by path."""
    entries: list[tuple[bytes, bytes]] = []
    folders: dict[str, dict[str, str]] = {}
    for path, blob in files.items():
        head, slash, rest = path.partition("/")
        if slash:
            folders.setdefault(head, {})[rest] = blob
        else:
            entries.append((head.encode(), f"{modes[path]} {path}\0".encode() + bytes.fromhex(blob)))
    for name, inside in folders.items():
        below = tree_id(inside, {path: modes[f"{name}/{path}"] for path in inside})
        entries.append((name.encode() + b"/", f"40000 {name}\0".encode() + bytes.fromhex(below)))
    content = b"".join(line for _, line in sorted(entries))
    return hashlib.sha1(b"tree %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def rows(contents: Contents, name: str) -> list[dict[str, str]]:
    """Rows of a CSV table of the bundle."""
    return list(csv.DictReader(io.StringIO(contents.read(name).decode(), newline="")))
