"""Handover: everything that a client owns in one signed archive, its verification and its reproduction."""
