"""File systems of stores: what is said of schemes that cannot be used, and files that are whole or not there."""

from __future__ import annotations

import sys

import pytest
from fsspec.registry import _registry

from posemill.errors import InputError, Unavailable
from posemill.store.files import as_unavailable
from posemill.store.filesystems import is_local, open_filesystem, write_whole


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    with pytest.raises(InputError, match=r"s3:// needs a package .*uv pip install 'posemill\[s3\]'"):
        open_filesystem("s3://bucket/store")


def test_an_unknown_scheme_is_named_with_those_that_are_known() -> None:
    with pytest.raises(InputError, match=r"bucket:// is not known: s3://, .*ssh://"):
        open_filesystem("bucket://store")


def test_folders_and_file_urls_are_local() -> None:
    for url in ("/data/store", "file:///data/store"):
        fs, root = open_filesystem(url)
        assert is_local(fs)
        assert root == "/data/store"
    assert not is_local(open_filesystem("memory://store")[0])


def test_a_write_that_fails_keeps_what_was_there(monkeypatch: pytest.MonkeyPatch) -> None:
    fs, root = open_filesystem("memory://whole")
    write_whole(fs, f"{root}/a/b", b"old")

    def broken(*_: object) -> None:
        raise OSError("the line is cut")

    monkeypatch.setattr(fs, "mv", broken)
    with pytest.raises(OSError, match="cut"):
        write_whole(fs, f"{root}/a/b", b"new")
    assert fs.cat_file(f"{root}/a/b") == b"old"
    assert fs.find(root) == [f"{root}/a/b"]


def test_errors_of_clients_are_unavailable_and_others_are_not() -> None:
    class EndpointConnectionError(Exception):
        __module__ = "botocore.exceptions"

    sentence = r"^the store does not answer: no route to the bucket$"
    with pytest.raises(Unavailable, match=sentence), as_unavailable("the store does not answer"):
        raise EndpointConnectionError("no route\nto the bucket")
    with pytest.raises(KeyError), as_unavailable("the store does not answer"):
        raise KeyError("a bug")
