"""Telemetry: OpenTelemetry traces to any OTLP endpoint, and logs as JSON with trace ids. Both are off by default."""
