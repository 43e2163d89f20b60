"""Delivery of messages to receivers that may be away: at least once, in order, over crashes. Standard library only.

`dispatcher.py` sends in the background and tries again; `spool.py` keeps what was not delivered on disk; `webhook.py`
posts signed JSON. Applications and the edge runtime send their events with it.
"""
