"""OpenPifPaf's C++ operators, without the rest of its package.

Importing the package takes seconds (torchvision, matplotlib, the compiler of PyTorch); posing with an exported
network needs the decoder only.
"""

from __future__ import annotations

from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

import torch

from posemill.errors import Unavailable

DISTRIBUTION = "openpifpaf-vita"


def openpifpaf_version() -> str:
    """The version of the installed package."""
    return version(DISTRIBUTION)


def _load() -> None:
    found = find_spec("openpifpaf")  # finds, does not import
    library = Path(found.origin).parent / "_cpp.so" if found and found.origin else None
    if library is None or not library.is_file():
        raise Unavailable(f"OpenPifPaf's compiled operators should be at {library}: run `make setup` again")
    torch.ops.load_library(str(library))  # type: ignore[no-untyped-call]
    torch.ops.openpifpaf.set_quiet(True)  # they announce every buffer that they enlarge


_load()
CifCaf = torch.classes.openpifpaf_decoder.CifCaf
CifSeeds = torch.classes.openpifpaf_decoder_utils.CifSeeds
Suppression = torch.classes.openpifpaf_decoder_utils.NMSKeypoints
