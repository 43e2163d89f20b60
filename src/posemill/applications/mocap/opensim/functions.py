"""Functions of OpenSim's spatial transforms: constant, linear, polynomial, spline, piecewise linear, scaled."""

from __future__ import annotations

from collections.abc import Callable
from xml.etree.ElementTree import Element

import numpy as np

from posemill.applications.mocap.files.tables import Floats
from posemill.errors import InputError

Function = Callable[[Floats], Floats]


def parse_function(element: Element) -> Function:
    """Parse a function element, such as SimmSpline. Errors: InputError for a kind that is not known."""
    kind = element.tag
    if kind == "Constant":
        value = numbers(element, "value")[0]
        return lambda x: np.full_like(x, value)
    if kind == "LinearFunction":
        slope, start = numbers(element, "coefficients")
        return lambda x: slope * x + start
    if kind == "PolynomialFunction":
        coefficients = numbers(element, "coefficients")  # the highest power first
        return lambda x: np.asarray(np.polyval(coefficients, x), np.float64)
    if kind in ("SimmSpline", "NaturalCubicSpline", "GCVSpline"):
        return _spline(numbers(element, "x"), numbers(element, "y"))
    if kind == "PiecewiseLinearFunction":
        at, values = numbers(element, "x"), numbers(element, "y")
        return lambda x: np.interp(x, at, values)
    if kind == "MultiplierFunction":
        inner, scale = element.find("function"), numbers(element, "scale")[0]
        if inner is not None and len(inner):
            scaled = parse_function(inner[0])
            return lambda x: scale * scaled(x)
    raise InputError(f"OpenSim function {kind} is not known: Constant, LinearFunction, SimmSpline and others are")


def numbers(element: Element | None, name: str) -> list[float]:
    """Return the numbers of a child element. Errors: InputError where it has none."""
    text = element.findtext(name) if element is not None else None
    try:
        found = [float(word) for word in (text or "").split()]
    except ValueError as exc:
        raise InputError(f"OpenSim model: {name} should be numbers, came {text!r}") from exc
    if not found:
        tag = element.tag if element is not None else "element"
        raise InputError(f"OpenSim model: a {tag} lacks {name}")
    return found


def _spline(at: list[float], values: list[float]) -> Function:
    """Cubic spline, straight beyond its ends as OpenSim's is; of two points a line."""
    from scipy.interpolate import CubicSpline

    if len(at) < 3:
        return lambda x: np.interp(x, at, values)
    spline = CubicSpline(at, values)
    low, high = at[0], at[-1]

    def evaluate(x: Floats) -> Floats:
        inside = np.clip(x, low, high)
        return np.asarray(spline(inside) + spline(inside, 1) * (x - inside))

    return evaluate
