"""Places in which an embedded database cannot be."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from posemill.errors import InputError
from posemill.store.embedded import EmbeddedServer


def test_a_folder_in_another_encoding_is_refused(tmp_path: Path) -> None:
    home = tmp_path / os.fsdecode(b"donn\xe9es")
    with pytest.raises(InputError, match=r"donn\\xe9es.* has a name in another encoding than UTF-8"):
        EmbeddedServer(home).start()
    assert not home.exists()
