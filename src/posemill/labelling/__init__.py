"""Distributed pose labelling: session, plan, chunks, worker, progress; poses are cached in a store."""
