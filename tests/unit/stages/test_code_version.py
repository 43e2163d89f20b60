"""Code digests of the stages: a change in what a stage can reach changes its file, any other change does not."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from posemill.code_digest import PACKAGE
from posemill.params import Params
from posemill.stages.code_version import CODED, named_files, package_data, stage_modules, write_code_digests
from posemill.stages.workspace import Workspace
from toy_workspace import REPOSITORY

HERE = Workspace(REPOSITORY)
WRITE = """
import sys
from pathlib import Path
from posemill.params import Params
from posemill.stages.code_version import write_code_digests
from posemill.stages.workspace import Workspace
write_code_digests(Path(sys.argv[1]), Params(), Workspace(Path(sys.argv[2])))
"""


def test_every_stage_after_the_snapshot_depends_on_its_file() -> None:
    stages = yaml.safe_load((REPOSITORY / "dvc.yaml").read_text())["stages"]
    for stage in CODED:
        assert f"build/snapshot/code/{stage}.json" in stages[stage]["deps"]
        assert not [dep for dep in stages[stage]["deps"] if dep.startswith("src/")]


@pytest.mark.parametrize(
    ("stage", "modules"),
    [
        ("label", ("features.labeller_noise", "params.tracking", "params.tta", "store.corrections")),
        ("validate", ("quality.validation", "report.page")),
        ("prepare", ("params.prepare", "features.splits", "quality.suite_runner")),
        ("train", ("params.train", "features.labeller_noise", "features.splits", "models.tcn")),
        ("evaluate", ("params.evaluate", "prediction.timeline", "stages.held_out_clips", "models.tcn")),
        (
            "package",
            ("params.label", "evaluation.gates", "monitoring.reference", "serving.activity", "serving.analysis"),
        ),
    ],
)
def test_stages_depend_on_what_lists_by_hand_had_forgotten(stage: str, modules: tuple[str, ...]) -> None:
    assert {f"posemill.{name}" for name in modules} <= stage_modules(stage, Params(), HERE)


def test_stages_do_not_depend_on_each_other_or_on_other_sections() -> None:
    own = {
        "label": {"label", "tracking", "tta"},
        "prepare": {"prepare", "compute"},
        "evaluate": {"evaluate", "compute"},
        "package": {"package", "evaluate", "label", "tracking", "tta"},
    }
    for stage in CODED:
        modules = stage_modules(stage, Params(), HERE)
        sections = {name.split(".")[-1] for name in modules if name.startswith("posemill.params.")}
        assert sections == own.get(stage, {stage}) | {"section"}
        assert "posemill.params" not in modules
        others = {f"posemill.stages.{other}" for other in CODED if other != stage}
        assert modules & others == set()
        assert not [name for name in modules if name.startswith(("posemill.cli", "posemill.operations"))]


def test_only_the_chosen_network_and_backend_count() -> None:
    params = Params.model_validate({"train": {"network": "stgcn"}, "label": {"backend": "posenet"}})
    trained = stage_modules("train", params, HERE)
    assert {n for n in ("tcn", "stgcn", "posec3d", "transformer") if f"posemill.models.{n}" in trained} == {"stgcn"}
    backends = {name.split(".")[3] for name in stage_modules("label", params, HERE) if ".backends." in name}
    assert backends == {"posenet"}
    default = {n.split(".")[3] for n in stage_modules("label", Params(), HERE) if ".backends." in n}
    assert default == {"openpifpaf", "posenet", "movenet"}  # the embedded checkpoint is PoseNet's
    ensemble = Params.model_validate({"evaluate": {"network": "runs/ensemble"}})  # of whichever networks
    assert {"posemill.models.posec3d", "posemill.models.tcn"} <= stage_modules("evaluate", ensemble, HERE)


def test_data_of_the_package_counts_where_a_module_uses_it() -> None:
    page = {str(path.relative_to(PACKAGE)) for path in package_data(stage_modules("package", Params(), HERE))}
    assert "serving/page/index.html" in page
    drawn = [path.name for path in package_data(["posemill.report.page"])]
    assert "page.css" in drawn
    assert package_data(["posemill.prediction.timeline"]) == []
    weights = [path.name for path in package_data(["posemill.estimation.registry"])]
    assert "posenet-mobilenetv1-075.safetensors" in weights
    assert "columns.h" in [path.name for path in package_data(["posemill.cpu_kernels"])]


def test_files_that_parameters_name_count(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "network.safetensors").write_bytes(b"weights")
    params = Params.model_validate({"train": {"pretrained": "runs/network.safetensors"}})
    assert named_files("train", params, Workspace(tmp_path)) == [tmp_path / "runs" / "network.safetensors"]
    assert named_files("evaluate", params, Workspace(tmp_path)) == []
    write_code_digests(tmp_path / "one", params, Workspace(tmp_path))
    (tmp_path / "runs" / "network.safetensors").write_bytes(b"others")
    write_code_digests(tmp_path / "two", params, Workspace(tmp_path))
    assert changed(tmp_path / "one", tmp_path / "two") == {"train"}


def replaced(path: str, old: str, new: str) -> Callable[[Path], None]:
    def change(package: Path) -> None:
        text = (package / path).read_text()
        assert old in text
        (package / path).write_text(text.replace(old, new, 1))

    return change


def function_in(path: str) -> Callable[[Path], None]:
    def change(package: Path) -> None:
        with (package / path).open("a") as file:
            file.write("\n\ndef _fresh() -> int:\n    return 1\n")

    return change


def everything_but(stage: str) -> Callable[[Path], None]:
    """Change every module that a stage cannot reach."""
    reached = stage_modules(stage, Params(), HERE)

    def change(package: Path) -> None:
        for file in package.rglob("*.py"):
            parts = file.relative_to(package.parent).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if name not in reached and name != "posemill":
                function_in(str(file.relative_to(package)))(package)

    return change


@pytest.mark.slow
@pytest.mark.parametrize(
    ("change", "stages"),
    [
        (function_in("features/labeller_noise.py"), {"label", "train"}),
        (function_in("quality/exploration.py"), {"validate"}),
        (function_in("evaluation/classification_metrics.py"), {"evaluate"}),
        (replaced("params/train.py", "epochs: int = Field(default=40", "epochs: int = Field(default=41"), {"train"}),
        (replaced("params/evaluate.py", "Field(default=8,", "Field(default=9,"), {"evaluate", "package"}),
        (function_in("params/tune.py"), set()),
        (function_in("models/posec3d.py"), set()),  # not the chosen network
        (function_in("stages/ingest.py"), {"ingest"}),
        (replaced("features/pipeline.py", '"""', '"""Said otherwise. '), set()),
        (everything_but("train"), set(CODED) - {"train"}),
        (everything_but("evaluate"), set(CODED) - {"evaluate"}),
    ],
)
def test_a_change_reruns_exactly_the_stages_that_use_it(
    tmp_path: Path, before: Path, change: Callable[[Path], None], stages: set[str]
) -> None:
    """Slow (a process each): the package is copied and changed, and its digests are written again."""
    change(copied(tmp_path))
    assert changed(before, written(tmp_path)) == stages


@pytest.fixture(scope="module")
def before(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("before")
    copied(folder)
    return written(folder)


def copied(folder: Path) -> Path:
    shutil.copytree(PACKAGE, folder / "src" / "posemill", ignore=shutil.ignore_patterns("__pycache__"))
    return folder / "src" / "posemill"


def written(folder: Path) -> Path:
    command = [sys.executable, "-c", WRITE, str(folder / "code"), str(REPOSITORY)]
    subprocess.run(command, env={"PYTHONPATH": str(folder / "src")}, check=True)
    return folder / "code"


def changed(one: Path, two: Path) -> set[str]:
    files = {stage: [json.loads((folder / f"{stage}.json").read_text()) for folder in (one, two)] for stage in CODED}
    return {stage for stage, (first, second) in files.items() if first != second}
