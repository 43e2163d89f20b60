"""Lightning module, data module and the fit."""
