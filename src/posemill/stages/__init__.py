"""One file a stage: `run(params, inputs, outputs) -> Result`. Orchestrators only call these."""
