"""Prometheus exporter of a workspace: labelling queue, drift, gate, disks, flow runs.."""
