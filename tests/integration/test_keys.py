"""Keys in a real PostgreSQL: made, listed, revoked, and asked for before a service is started."""

from __future__ import annotations

import logging

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, text

from posemill.cli.keys import keys
from posemill.errors import InputError, Unavailable
from posemill.serving.startup_policy import private_environment, service_environment
from posemill.settings import Settings
from posemill.store.api_keys import all_keys, create_key, hashed, revoke, working_keys


def test_a_key_is_shown_once_and_only_its_digest_is_kept(engine: Engine) -> None:
    with engine.begin() as connection:
        key = create_key(connection, " acme ", per_minute=60, added_by="test")
        other = create_key(connection, "acme", added_by="test")
        dump = str(connection.execute(text("SELECT * FROM api_key")).all())
        working = working_keys(connection)
    assert key != other
    assert len(key) > 40
    assert key not in dump
    assert hashed(key) in dump
    assert (working[hashed(key)].client, working[hashed(key)].per_minute) == ("acme", 60)
    assert working[hashed(other)].per_minute is None


def test_revoking_by_number_beginning_and_client(engine: Engine) -> None:
    with engine.begin() as connection:
        made = [create_key(connection, name, added_by="test") for name in ("a", "b", "b", "c")]
        number = all_keys(connection)[0]["number"]
        assert revoke(connection, str(number), revoked_by="me") == [made[0][:9]]
        assert revoke(connection, made[3], revoked_by="me") == [made[3][:9]]
        assert len(revoke(connection, "b", revoked_by="me")) == 2
        assert working_keys(connection) == {}
        assert {row["revoked_by"] for row in all_keys(connection, revoked=True)} == {"me"}
        with pytest.raises(InputError, match="no working key is 'b'"):
            revoke(connection, "b", revoked_by="me")


@pytest.mark.parametrize(("client", "rate"), [("", None), ("  ", 5), ("acme", 0)])
def test_keys_that_make_no_sense(engine: Engine, client: str, rate: int | None) -> None:
    with engine.begin() as connection, pytest.raises(InputError):
        create_key(connection, client, per_minute=rate, added_by="test")


def test_beyond_this_machine_a_service_wants_keys(settings: Settings, engine: Engine) -> None:
    assert service_environment(settings, "127.0.0.1", open_to_all=False)["POSEMILL_REQUIRE_KEYS"] == ""
    everybody = service_environment(settings, "0.0.0.0", open_to_all=True)
    assert (everybody["POSEMILL_REQUIRE_KEYS"], everybody["POSEMILL_HOSTS"]) == ("", "*")
    assert "POSEMILL_HOSTS" not in service_environment(settings, "127.0.0.1", open_to_all=False)
    with pytest.raises(InputError, match=r"no keys: make one with `posemill keys add CLIENT`"):
        service_environment(settings, "0.0.0.0", open_to_all=False)
    with engine.begin() as connection:
        create_key(connection, "acme", added_by="test")
    said = service_environment(settings, "0.0.0.0", open_to_all=False)
    assert said == {"POSEMILL_REQUIRE_KEYS": "1", "POSEMILL_DATABASE_URL": settings.database_url}


def test_without_a_database_only_this_machine_is_served(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    away = Settings(settings.workspace, settings.home, "postgresql://u:secret@127.0.0.1:1/none", settings.store_url)
    with caplog.at_level(logging.WARNING, "posemill.guard"):
        assert service_environment(away, "localhost", open_to_all=False) == {"POSEMILL_REQUIRE_KEYS": ""}
    assert "without a database" in caplog.text
    assert "secret" not in caplog.text
    with pytest.raises(Unavailable):
        service_environment(away, "::", open_to_all=False)


def test_a_service_of_ones_own_records_nothing_and_wants_no_key() -> None:
    told = {"POSEMILL_REQUIRE_KEYS": "1", "POSEMILL_DATABASE_URL": "postgresql://x", "POSEMILL_KEEP_UPLOADS": "1"}
    assert private_environment({**told, "POSEMILL_HOME": "/h"}) == {"POSEMILL_HOME": "/h"}


def test_the_commands(settings: Settings, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEMILL_DATABASE_URL", str(settings.database_url))
    run = CliRunner()
    added = run.invoke(keys, ["add", "acme", "--per-minute", "60"])
    assert added.exit_code == 0
    key = added.stdout.strip()
    assert "shown only now" in added.stderr
    listed = run.invoke(keys, ["list"]).stdout
    assert key[:9] in listed
    assert key not in listed
    assert run.invoke(keys, ["revoke", key[:9]]).stdout == f"revoked {key[:9]}\n"
    assert run.invoke(keys, ["list"]).stderr == "there are no keys\n"
    assert "revoked_by" in run.invoke(keys, ["list", "--revoked"]).stdout
