"""OpenPifPaf's own video command, unchanged, on the installed PyTorch and matplotlib.

    python benchmarks/official_video.py --checkpoint network.pkl --source clip.mp4 --json-output found.json

Two things stand in its way: matplotlib lost `get_cmap` (put back where the backend needs it too), and PyTorch refuses
pickled networks unless told that they are trusted, which the one that benchmarks/labelling.py saves is.
"""

from __future__ import annotations

import functools
import runpy
import sys

import torch

from posemill.estimation.backends.openpifpaf.library import openpifpaf

if __name__ == "__main__":
    torch.load = functools.partial(torch.load, weights_only=False)
    sys.argv[0] = f"{openpifpaf.__name__}.video"
    runpy.run_module(sys.argv[0], run_name="__main__")
