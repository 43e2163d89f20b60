"""Train an activity model on a folder of keypoint files, one sub-folder an activity, and package it.

    python examples/train_on_keypoints.py keypoints/ --out model/

    keypoints/squat/anna-1.json      any format of docs/howto/formats.md that is recognized (COCO, CSV, ...)
    keypoints/wave/ben-3.json

Every fourth file is for validation; where a person is in several files, split by person (posemill.features.splits).
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

import posemill
from posemill.features import FeaturePipeline, WindowSpec
from posemill.features.main_subject import main_subject
from posemill.packaging.assemble import assemble
from posemill.params.train import TrainParams
from posemill.training.datamodule import WindowIndex
from posemill.training.fit import fit


def main() -> None:
    parser = argparse.ArgumentParser(description="An activity model of a folder of keypoint files.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path("model"))
    parser.add_argument("--network", default="stgcn++")
    parser.add_argument("--epochs", type=int, default=20)
    args = parser.parse_args()

    features = FeaturePipeline(posemill.SKELETONS["body-12"], WindowSpec(duration_s=2.0, stride_s=0.5))
    activities = sorted(path.name for path in args.folder.iterdir() if path.is_dir())
    files = [(path, activity) for activity in activities for path in sorted((args.folder / activity).iterdir())]

    parts, target, clip, split = [], [], [], []
    for number, (path, activity) in enumerate(files):
        subject = main_subject(posemill.read_tracks(path))
        windows = features.windows(subject)[0] if subject is not None else []
        parts += list(windows)
        target += [activities.index(activity)] * len(windows)
        clip += [number] * len(windows)
        split += ["validation" if number % 4 == 0 else "train"] * len(windows)
    windows, index = np.stack(parts), WindowIndex(np.array(target), np.array(clip), np.array(split))

    features = features.fit(windows[index.rows("train")])
    params = TrainParams(network=args.network, epochs=args.epochs)
    with tempfile.TemporaryDirectory() as scratch:
        result = fit(params, windows, index, features, activities, Path(scratch))
    print(f"validation accuracy {result.validation_accuracy:.1%} after {result.best_epoch} epochs")

    assemble(args.out, result.network, result.card, features, windows[:64], temperature=1.0, labeller={}, origin={})
    model = posemill.ActivityModel.load(args.out)
    path, activity = files[0]
    print(f"{path.name} is {activity}: the model says {model.predict(posemill.read_tracks(path)).verdict}")


if __name__ == "__main__":
    main()
