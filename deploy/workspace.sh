#!/bin/sh
# Fills the workspace of a container from the image: code and definitions are the image's at every start, parameters and
# the graph's lock file are the workspace's own. In the folder that is to be the workspace.
set -eu
source=${1:-/opt/posemill}
for name in flows src expectations acceptance dvc.yaml prefect.yaml bentofile.yaml bentofile.analysis.yaml .dvcignore \
    .gitignore pyproject.toml requirements.lock deploy; do
    rm -rf "./$name"
    cp -r "$source/$name" .
done
mkdir -p .dvc
[ -e .dvc/config ] || cp "$source/.dvc/config" .dvc/config
[ -e params.yaml ] || cp "$source/params.yaml" .
[ -e .git ] || git -c init.defaultBranch=main init -q .
