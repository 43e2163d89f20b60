"""Work: a stage of dvc.yaml as its command runs it, on sixty made-up clips; its outputs are its writes."""

from __future__ import annotations

import hashlib
import shutil
from functools import cached_property
from pathlib import Path

import yaml
from benchmarks import scale_data

from chaos.history import ACKNOWLEDGED, ASKED, Verdict, check
from chaos.place import Bench, Place
from chaos.shim import WritePoint
from chaos.zygote import Child

REPOSITORY = Path(__file__).resolve().parents[2]
STAGES = ("snapshot", "ingest", "label", "validate", "prepare", "train", "evaluate", "package")
CLIPS = 48
GATES = dict.fromkeys(("min_accuracy", "min_macro_f1", "min_class_recall", "max_ece", "min_clips"))
SMALL = {
    "train": {
        "epochs": 1,
        "threads": 1,
        "min_windows_per_epoch": 100,
        "hyper": {"tcn": {"width": 16, "dilations": [1, 2]}},
    },
    "evaluate": {"network": "build/train", "gates": GATES},
    "prepare": {"split": {"validation": 0.2}},
}


class Workspace:
    """A workspace in which all stages have run, in a place that is kept as the template of tries."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.place = bench.place()
        folder = self.place.folder
        shutil.copytree(REPOSITORY / "expectations", folder / "expectations")
        for name in ("bentofile.yaml", "bentofile.analysis.yaml", "requirements.lock", "dvc.yaml"):
            shutil.copy(REPOSITORY / name, folder / name)
        params = yaml.safe_load((REPOSITORY / "params.yaml").read_text())
        for stage, values in SMALL.items():
            params[stage] = params.get(stage, {}) | values
        (folder / "params.yaml").write_text(yaml.safe_dump(params))
        (path,) = scale_data.write_parts(folder / "parts", 0, CLIPS, 17, seed=1)
        options = ["--dataset", "made", "--split", "xsub", "--not-mirrored", "--quiet"]
        self.run("import", "pyskl", str(path), *options, "--classes", str(folder / "parts" / "classes.txt"))
        for stage in STAGES:
            self.run("stage", stage, "--quiet")

    def run(self, *arguments: str) -> None:
        """Run a command in it."""
        child = self.bench.start(self.place, "chaos.zygote:posemill", arguments)
        if code := child.wait():
            raise RuntimeError(f"{' '.join(arguments)} returned {code}: {child.said()[-3000:]}")


class Staging:
    """One stage. Files that two undisturbed runs write alike have to be these bytes; the others have to be there."""

    def __init__(self, workspace: Workspace, stage: str) -> None:
        self.bench, self.name, self._stage, self._workspace = workspace.bench, f"stage {stage}", stage, workspace

    @cached_property
    def _outputs(self) -> dict[str, str | None]:
        """Digest of every file that the stage writes; None where it is another each time."""
        runs = []
        for _ in range(2):
            place = self.place()
            self.start(place).wait()
            runs.append(self._files(place))
            self.bench.remove(place)
        first, second = runs
        return {name: digest if second[name] == digest else None for name, digest in first.items() if name in second}

    def place(self) -> Place:
        """A copy of the workspace."""
        return self.bench.place(self._workspace.place.folder, self._workspace.place.url.rsplit("/", 1)[1])

    def start(self, place: Place, point: WritePoint | None = None) -> Child:
        """See Work. The stage's outputs of before are removed first, as DVC does."""
        shutil.rmtree(place.folder / "build" / self._stage, ignore_errors=True)
        return self.bench.start(place, "chaos.zygote:posemill", ["stage", self._stage, "--quiet"], point)

    def after_fault(self, place: Place) -> None:
        """What is there before the stage ends is nobody's: DVC takes it only from a stage that ended well."""

    def verdict(self, place: Place) -> Verdict:
        """See Work."""
        found, wanted = self._files(place), self._outputs
        for name in wanted:
            place.history.add(ASKED, name)
            place.history.add(ACKNOWLEDGED, name)
        different = [name for name, digest in wanted.items() if digest and found.get(name) not in (digest, None)]
        half = [name for name in found if ".part" in name]
        return check(place.history, [name for name in found if name in wanted], half, different)

    def _files(self, place: Place) -> dict[str, str]:
        folder = place.folder / "build" / self._stage
        return {
            str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*"))
            if path.is_file()
        }
