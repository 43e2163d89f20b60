"""Computing on several machines: Dask's scheduler and workers, imported on use, and nowhere else in the package."""
