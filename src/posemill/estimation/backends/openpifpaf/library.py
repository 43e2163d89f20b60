"""The OpenPifPaf library, made to work with the installed matplotlib."""

from __future__ import annotations

import warnings

import matplotlib
import matplotlib.cm


def _get_cmap(name: str) -> matplotlib.colors.Colormap:
    return matplotlib.colormaps[name]


# OpenPifPaf asks for this at import; matplotlib removed it in 3.9
if not hasattr(matplotlib.cm, "get_cmap"):
    matplotlib.cm.get_cmap = _get_cmap  # type: ignore[attr-defined]

with warnings.catch_warnings():
    warnings.filterwarnings("ignore", "The set_bad function", PendingDeprecationWarning)
    import openpifpaf

import torch  # noqa: E402

torch.ops.openpifpaf.set_quiet(True)  # its C++ code announces every buffer that it enlarges

__all__ = ["openpifpaf"]
