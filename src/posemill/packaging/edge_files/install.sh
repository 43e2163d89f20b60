#!/bin/sh
# Makes .venv beside this file with the three packages that posemill-edge needs, and checks the model on this device.
#   ./install.sh             here
#   ./install.sh --systemd   and a service that starts with the machine (as root)
set -eu
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
if ! "$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    echo "posemill-edge: Python 3.11 or later is needed: install it, or name it (PYTHON=python3.12 ./install.sh)" >&2
    exit 1
fi
"$python" -m venv "$here/.venv" || { echo "posemill-edge: no venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
if [ -d "$here/wheels" ]; then
    "$here/.venv/bin/python" -m pip install --quiet --no-index --find-links "$here/wheels" -r "$here/requirements.txt"
else
    "$here/.venv/bin/python" -m pip install --quiet -r "$here/requirements.txt"
fi
"$here/posemill-edge" check
if [ "${1:-}" = --systemd ]; then
    digest=$(sha256sum "$here/edge.json" | cut -d ' ' -f 1)
    id posemill-edge >/dev/null 2>&1 || useradd --system --no-create-home --groups video posemill-edge
    mkdir -p /etc/posemill-edge
    [ -f /etc/posemill-edge/cameras.toml ] || cp "$here/cameras.toml" /etc/posemill-edge/cameras.toml
    sed -e "s|@FOLDER@|$here|g" -e "s|@DIGEST@|$digest|g" "$here/posemill-edge.service" >/etc/systemd/system/posemill-edge.service
    systemctl daemon-reload
    echo "posemill-edge: edit /etc/posemill-edge/cameras.toml, then: systemctl enable --now posemill-edge"
fi
