"""Windows of activities that are kept out of training (prepare.unknown): files of build/prepare."""

UNKNOWN_WINDOWS = "unknown.npy"  # as windows.npy
UNKNOWN_INDEX = "unknown.parquet"  # as index.parquet, without split
