"""Fault injection: work, faults and a check of what is left afterwards; `make chaos` writes docs/reliability.md."""
