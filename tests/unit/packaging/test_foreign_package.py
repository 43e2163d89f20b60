"""Packages of others: what is in a folder is taken, and nothing that it points to."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from posemill.errors import InputError
from posemill.packaging import bento

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_link_in_a_package_takes_no_file_of_this_machine_along(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (tmp_path / "id_ed25519").write_text("private")
    (package / "card.md").symlink_to(tmp_path / "id_ed25519")
    with pytest.raises(InputError, match=r"card\.md is a link to another file, .*id_ed25519"):
        bento.build(package, REPOSITORY, tmp_path / "home")


def test_links_to_dvcs_cache_are_files_of_the_package(tmp_path: Path) -> None:
    package, digest = tmp_path / "package", hashlib.md5(b"a card").hexdigest()
    cached = tmp_path / "cache" / "files" / "md5" / digest[:2] / digest[2:]
    cached.parent.mkdir(parents=True)
    package.mkdir()
    cached.write_bytes(b"a card")
    (package / "card.md").symlink_to(cached)
    bento._require_own_files(package)
    cached.write_bytes(b"another")
    with pytest.raises(InputError, match=r"card\.md is a link"):
        bento._require_own_files(package)
