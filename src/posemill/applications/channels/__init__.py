"""Channels: events of applications to a webhook, by e-mail and to an MQTT broker, at least once each.

`config.py` reads channels.yaml; `dispatcher.py` sends in the background and tries again; `spool.py` keeps what was not
delivered over a crash.
"""
