#!/bin/sh
# sshd, the SSH server of the stores' tests: there already, installed here as root, or missed in one sentence.
# posemill itself needs none. With --required it is an error to be without.
PATH="$PATH:/usr/sbin"
command -v sshd >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "posemill: installing sshd, the SSH server of the stores' tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends openssh-server; } >/dev/null 2>&1
    command -v sshd >/dev/null 2>&1 && exit 0
fi
echo "posemill: no sshd, so tests are skipped: install it as root (Debian: apt-get install openssh-server)" >&2
[ "$1" != --required ]
