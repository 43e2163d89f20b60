#!/bin/sh
# prometheus and promtool, for the tests of alerts and compose.yaml: there already, installed here as root, or missed in one sentence.
# posemill itself needs none. With --required it is an error to be without.
PATH="$PATH:/usr/sbin"
command -v prometheus >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "posemill: installing prometheus, for the tests of alerts and compose.yaml"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends prometheus; } >/dev/null 2>&1
    command -v prometheus >/dev/null 2>&1 && exit 0
fi
echo "posemill: no prometheus, so tests are skipped: install it as root (Debian: apt-get install prometheus)" >&2
[ "$1" != --required ]
