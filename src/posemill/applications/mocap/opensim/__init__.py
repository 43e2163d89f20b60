"""OpenSim models and inverse kinematics: markers to joint angles, without OpenSim."""
