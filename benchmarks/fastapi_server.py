"""The reference of benchmarks/serving.py: a minimal FastAPI app around the same network in PyTorch.

python benchmarks/fastapi_server.py FOLDER PORT, where FOLDER has network.safetensors, network.json, classes.json and
features.json. Nested lists in, nested lists out, as tutorials do it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel

from posemill import models
from posemill.features.pipeline import FeaturePipeline


class Windows(BaseModel):
    """(N, T, K, 3), null = not seen."""

    windows: list[list[list[list[float | None]]]]


def make(folder: Path) -> FastAPI:
    """The app."""
    app = FastAPI()
    classes = json.loads((folder / "classes.json").read_text())
    features = FeaturePipeline.load(folder / "features.json")
    network = models.load(folder, classes, features.skeleton)[0].eval()

    @app.post("/predict_windows")
    def predict_windows(request: Windows) -> dict[str, Any]:
        prepared = features.transform(np.array(request.windows, np.float32))
        with torch.inference_mode():
            probabilities = network(torch.from_numpy(prepared)).softmax(-1)
        activities = [classes[i] for i in probabilities.argmax(-1)]
        return {"activities": activities, "probabilities": probabilities.tolist()}

    return app


if __name__ == "__main__":
    uvicorn.run(make(Path(sys.argv[1])), port=int(sys.argv[2]), log_level="warning")
