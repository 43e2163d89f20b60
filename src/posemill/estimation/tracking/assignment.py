"""Linear assignment (Hungarian algorithm, shortest augmenting paths): numpy only, so that a camera runs it too."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def linear_assignment(gain: NDArray[np.float64]) -> list[tuple[int, int]]:
    """Return the pairs (row, column) of the largest total gain, min(R, C) of them, by row.

    gain  (R, C) finite float64.

    Examples:
        >>> linear_assignment(np.array([[0.9, 0.8], [0.8, 0.1]]))
        [(0, 1), (1, 0)]
    """
    if gain.shape[0] > gain.shape[1]:
        return sorted((row, column) for column, row in linear_assignment(gain.T))
    rows, columns = gain.shape
    cost = np.max(gain, initial=0.0) - gain
    row_price, column_price = np.zeros(rows), np.zeros(columns + 1)
    row_of = np.full(columns + 1, -1)  # the last column stands for the row that is to be placed
    for row in range(rows):
        row_of[columns] = row
        before, column = _shortest_path(cost, row_price, column_price, row_of)
        while column != columns:
            row_of[column] = row_of[before[column]]
            column = int(before[column])
    return sorted((int(row), column) for column, row in enumerate(row_of[:columns].tolist()) if row >= 0)


def _shortest_path(
    cost: NDArray[np.float64],
    row_price: NDArray[np.float64],
    column_price: NDArray[np.float64],
    row_of: NDArray[np.int64],
) -> tuple[NDArray[np.int64], int]:
    """Find the cheapest way to a free column; prices are updated in place.

    Returns the column before each on the way, and the free one where it ends.
    """
    columns = cost.shape[1]
    shortest, before = np.full(columns, np.inf), np.full(columns, columns)
    done = np.zeros(columns + 1, bool)
    column = columns
    while row_of[column] >= 0:
        done[column] = True
        row = row_of[column]
        reduced = cost[row] - row_price[row] - column_price[:columns]
        nearer = ~done[:columns] & (reduced < shortest)
        shortest[nearer], before[nearer] = reduced[nearer], column
        following = int(np.where(done[:columns], np.inf, shortest).argmin())
        step = shortest[following]
        row_price[row_of[done]] += step
        column_price[done] -= step
        shortest[~done[:columns]] -= step
        column = following
    return before, column
