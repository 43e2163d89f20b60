#!/bin/sh
# ffmpeg's own tools, the reference decoder of the video tests: there already, installed here as root, or missed in one
# sentence. posemill itself needs none of them. With --required it is an error to be without.
command -v ffprobe >/dev/null 2>&1 && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "posemill: installing ffmpeg, the reference decoder of the video tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ffmpeg; } >/dev/null 2>&1
    command -v ffprobe >/dev/null 2>&1 && exit 0
fi
echo "posemill: no ffmpeg, so the tests against the reference decoder are skipped: install it as root (Debian: apt-get install ffmpeg)" >&2
[ "$1" != --required ]
