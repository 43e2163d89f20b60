#!/bin/sh
# Chromium for the tests of the acceptance page: there already, installed here as root, or missed in one sentence.
# With --required it is an error to be without.
command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "posemill: installing Chromium for the tests of the acceptance page"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        chromium fonts-dejavu-core; } >/dev/null 2>&1
    command -v chromium >/dev/null 2>&1 && exit 0
fi
echo "posemill: no Chromium, so the tests of the acceptance page are skipped: install it as root (Debian: apt-get install chromium)" >&2
[ "$1" != --required ]
