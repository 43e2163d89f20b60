"""`python -m posemill` is `posemill`."""

from posemill.cli import main

main()
