"""Output files of other pose tools, one file a tool: each says how its files give frames × individuals × keypoints.

A tool is one module with `TOOL`; the command `posemill import <tool>` comes by itself (cli/import_tools.py).
"""
