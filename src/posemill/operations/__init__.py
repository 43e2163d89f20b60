"""Operations outside the graph of dvc.yaml: external videos, tuning, ensembles, monitoring, acceptance, synthesis."""
