-- posemill's own database is made by the image; Prefect's server has one of its own beside it
CREATE DATABASE prefect;
