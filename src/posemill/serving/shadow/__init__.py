"""A challenger beside the model of a service: in shadow, or for a share of the clients (canary)."""
