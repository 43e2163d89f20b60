#!/bin/sh
# Mosquitto, the MQTT broker of the channels' tests: there already, installed here as root, or missed in one sentence.
# posemill itself needs none. With --required it is an error to be without.
PATH="$PATH:/usr/sbin"
command -v mosquitto >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "posemill: installing mosquitto, the broker of the channels' tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends mosquitto; } >/dev/null 2>&1
    command -v mosquitto >/dev/null 2>&1 && exit 0
fi
echo "posemill: no mosquitto, so the tests against a broker are skipped: install it as root (Debian: apt-get install mosquitto)" >&2
[ "$1" != --required ]
