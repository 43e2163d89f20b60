"""From a provenance to rows and media, with a real PostgreSQL, git's history and files as DVC caches them.

Slow (git and DVC are programs): that a model is traced after later builds is what the provenance is for.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import CliRunner
from sqlalchemy import Engine, text

from posemill.cli.main import cli
from posemill.errors import InputError
from posemill.settings import Settings
from posemill.store import catalog, lineage
from posemill.store.media import MediaStore
from posemill.uat.provenance import Provenance
from posemill.uat.trace import FILES, trace
from posemill.uat.usage import usage_of

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Built:
    """A model version, what it answers with, and the media it was made of."""

    provenance: Provenance
    digests: Mapping[str, str]
    media: list[str]
    number: int


@pytest.fixture
def root(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    monkeypatch.setenv("POSEMILL_WORKSPACE", str(settings.workspace))
    monkeypatch.setenv("POSEMILL_HOME", str(settings.home))
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    git(settings.workspace, "init", "-q", "-b", "main")
    return settings.workspace


def git(root: Path, *arguments: str) -> str:
    who = ("-c", "user.name=a", "-c", "user.email=a@b")
    return subprocess.run(["git", *who, *arguments], cwd=root, check=True, capture_output=True, text=True).stdout


def build(root: Path, settings: Settings, engine: Engine, name: str) -> Built:
    """A model made of two media (one in training, one in test), with its build files, lock, commit and bento."""
    store = MediaStore(settings.store_url)
    media = [store.put_bytes(f"{name} {i}".encode()) for i in range(2)]
    with engine.begin() as connection:
        rows = [catalog.MediumRow(m, "toy", f"{name}-{i}.mp4", "anna") for i, m in enumerate(media)]
        catalog.add_media(connection, rows)
        for medium, activity in zip(media, ("squat", "wave"), strict=True):
            catalog.add_clip(connection, catalog.ClipRow(medium, "anna", activity=activity))
        clips = [row for row in catalog.clips(connection) if row["medium"] in media]
    digests = {n: write(root, path, f"{name} {n}".encode()) for n, path in FILES.items()}
    said = pl.DataFrame({key: [row[key] for row in clips] for key in ("clip", "start_s", "activity", "annotated_by")})
    said.write_parquet(root / FILES["clips"])
    windows = pl.DataFrame({"clip": [clips[0]["clip"], clips[0]["clip"], clips[1]["clip"]]})
    windows = windows.with_columns(
        medium=pl.Series([media[0], media[0], media[1]]), split=pl.Series(["train"] * 2 + ["test"])
    )
    windows.write_parquet(root / FILES["windows_index"])
    for key in ("clips", "windows_index"):
        digests[key] = cached(root, (root / FILES[key]).read_bytes())
    lock = {"stages": {"package": {"deps": [{"path": p, "md5": md5(root / p)} for p in FILES.values()]}}}
    (root / "dvc.lock").write_text(yaml.safe_dump(lock))
    git(root, "add", "dvc.lock")
    git(root, "commit", "-qm", name)
    package = root / "build" / "package"
    lineage.write_lineage(package / lineage.FILE, root / FILES["windows_index"], root / FILES["clips"])
    lineage.keep_lineage(store, package)
    model = hashlib.sha256(name.encode()).hexdigest()
    digests |= {"model": model, "features": model, "classes": model, "code": git(root, "rev-parse", "HEAD").strip()}
    digests["lineage"] = hashlib.sha256((package / lineage.FILE).read_bytes()).hexdigest()
    bento(settings.home, name, digests)
    with engine.begin() as connection:
        number = catalog.record_model_version(
            connection, bento_tag=f"posemill-activity:{name}", digests=digests, metrics={}, added_by="stage package"
        )
    return Built(Provenance.of(f"posemill-analysis:{name}", digests), digests, media, number)


def write(root: Path, path: str, content: bytes) -> str:
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes(content)
    return cached(root, content)


def cached(root: Path, content: bytes) -> str:
    """Put bytes where DVC does; their SHA-256."""
    name = hashlib.md5(content).hexdigest()
    place = root / ".dvc" / "cache" / "files" / "md5" / name[:2] / name[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return hashlib.sha256(content).hexdigest()


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes()).hexdigest()


def bento(home: Path, name: str, digests: Mapping[str, str]) -> None:
    store = home / "bentoml"
    for service in ("activity", "analysis"):
        folder = store / "bentos" / f"posemill-{service}" / name
        folder.mkdir(parents=True)
        (folder / "bento.yaml").write_text(yaml.safe_dump({"models": [{"tag": f"posemill-activity:{name}"}]}))
    (store / "models" / "posemill-activity" / name).mkdir(parents=True)
    (store / "models" / "posemill-activity" / name / "digests.json").write_text(json.dumps(digests))


def test_a_provenance_leads_to_its_rows_after_a_later_build(root: Path, settings: Settings, engine: Engine) -> None:
    first = build(root, settings, engine, "first")
    build(root, settings, engine, "second")
    answer = root / "answer.json"
    answer.write_text(json.dumps({"people": [], "provenance": first.provenance.model_dump()}))
    old = root / "old.json"
    old.write_text(json.dumps({"people": [], "receipt": first.provenance.model_dump()}))
    for given in (first.provenance.id, str(answer), str(old), "posemill-analysis:first", "posemill-activity:first"):
        with engine.connect() as connection:
            found = trace(connection, settings, given)
        assert found.version["id"] == first.number
        assert found.whole, found.links
        assert [(c["medium"], c["split"], c["windows"], c["now"]) for c in found.clips] == [
            (first.media[0], "train", 2, "valid"),
            (first.media[1], "test", 1, "valid"),
        ]
        assert [(c["source"], c["annotated_by"]) for c in found.clips] == [
            ("first-0.mp4", "anna"),
            ("first-1.mp4", "anna"),
        ]
        says = {link.name: link.says for link in found.links}
        assert says["dvc.lock"] == f"commit {first.digests['code']}"  # not the newest
        assert first.digests["clips"][:12] in says["build/validate/clips.parquet"]


def test_what_is_missing_is_named(root: Path, settings: Settings, engine: Engine) -> None:
    built = build(root, settings, engine, "only")
    weights = root / ".dvc/cache/files/md5" / md5(root / FILES["weights"])[:2]
    for path in weights.iterdir():
        path.unlink()
    Path(MediaStore(settings.store_url).location(built.media[1])).unlink()
    with engine.begin() as connection:
        connection.execute(text('UPDATE model_version SET digests = digests || \'{"code": "0123456789abcdef"}\''))
        found = trace(connection, settings, "posemill-analysis:only")
    missing = {link.name: link.says for link in found.links if not link.found}
    assert set(missing) == {"code", "build/train/network.safetensors", "media"}
    assert "is not in this repository" in missing["code"]
    assert "`dvc fetch`" in missing["build/train/network.safetensors"]
    assert built.media[1][:12] in missing["media"]
    changed = built.provenance.model_dump() | {"weights": "0" * 64}
    with engine.connect() as connection:
        with pytest.raises(InputError, match="the provenance was altered"):
            trace(connection, settings, json.dumps(changed))
        with pytest.raises(InputError, match="nothing here has the provenance 'ffffffffffffffff'"):
            trace(connection, settings, "f" * 16)


def test_a_medium_is_found_in_every_model_and_left_out_of_the_next(
    root: Path, settings: Settings, engine: Engine
) -> None:
    first, second = build(root, settings, engine, "first"), build(root, settings, engine, "second")
    with engine.begin() as connection:
        catalog.record_model_version(
            connection, bento_tag="posemill-activity:old", digests={"model": "0"}, metrics={}, added_by="x"
        )
    run = CliRunner().invoke(cli, ["usage", first.media[0][:10], "--exclude", "--by", "bert", "--json"])
    assert run.exit_code == 0, run.output
    said = json.loads(run.stdout)
    assert [(m["version"], m["split"], m["windows"], m["bentos"]) for m in said["models"]] == [
        (first.number, "train", 2, ["posemill-activity:first", "posemill-analysis:first"])
    ]
    assert (said["unknown"], said["ended"]) == (["posemill-activity:old"], 1)
    with engine.connect() as connection:
        by = connection.execute(
            text("SELECT closed_by, valid_to IS NOT NULL FROM clip WHERE closed_by IS NOT NULL")
        ).all()
        assert [tuple(row) for row in by] == [("bert", True)]
        again = usage_of(connection, settings, "first-0.mp4")
        assert (again.clips, len(again.models)) == ([], 1)  # what was trained stays known
        assert usage_of(connection, settings, second.media[1]).models[0]["version"] == second.number
        traced = trace(connection, settings, first.provenance.id)
        assert [c["now"] for c in traced.clips] == ["ended by bert", "valid"]
        with pytest.raises(InputError, match=r"no medium is 'nobody\.mp4'"):
            usage_of(connection, settings, "nobody.mp4")
