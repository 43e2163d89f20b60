"""Parameters that name files of the machine: a service takes none from its clients."""

from __future__ import annotations

from pathlib import Path

import pytest

from posemill.applications.registry import APPLICATIONS, find_application
from posemill.errors import InputError


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_path_is_known_as_one_of_this_machine(name: str) -> None:
    params = find_application(name).params_model()
    paths = {field for field, info in params.model_fields.items() if "Path" in str(info.annotation)}
    assert paths <= set(params.local_files) <= set(params.model_fields)


@pytest.mark.parametrize(("name", "parameter"), [("fall", "model"), ("coach", "rules"), ("yoga", "model")])
def test_a_client_cannot_choose_files_of_the_machine(name: str, parameter: str, tmp_path: Path) -> None:
    kind = find_application(name)
    for value in (str(tmp_path), "/etc/passwd", "."):
        with pytest.raises(InputError, match=f"{parameter} is a folder of the machine"):
            kind.from_client({parameter: value})
    kind.from_client({parameter: None})
    default = kind.params_model().model_fields[parameter].default
    assert getattr(kind.from_client({parameter: default}).params, parameter) == default
