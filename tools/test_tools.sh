#!/bin/sh
# Programs that stand beside posemill in its tests: there already, installed here as root, or missed in one sentence.
# posemill itself needs none of them. With --required it is an error to be without one.
#
#   sh tools/test_tools.sh [--required] [NAME...]        all of them without a name
PATH="$PATH:/usr/sbin"

# what it is for, Debian's packages, and whether it is there
tool() {
    case $1 in
    chromium)
        purpose="the browser of the pages' tests"
        packages="chromium fonts-dejavu-core"
        there() { command -v chromium || command -v chromium-browser; } ;;
    ffmpeg)
        purpose="the reference decoder of the video tests"
        packages=ffmpeg
        there() { command -v ffprobe; } ;;
    mosquitto)
        purpose="the MQTT broker of the channels' tests"
        packages=mosquitto
        there() { command -v mosquitto; } ;;
    prometheus)
        purpose="which tests alerts and compose.yaml"
        packages=prometheus
        there() { command -v prometheus && command -v promtool; } ;;
    rtsp)
        purpose="GStreamer's RTSP server, the network camera of the edge's tests"
        packages="python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-rtsp"
        there() { /usr/bin/python3 -c "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer"; } ;;
    sshd)
        purpose="the SSH server of the stores' tests"
        packages=openssh-server
        there() { command -v sshd; } ;;
    *)
        echo "posemill: no test tool is called $1; these are: $all" >&2
        exit 2 ;;
    esac
}

all="chromium ffmpeg mosquitto prometheus rtsp sshd"
required=
[ "$1" = --required ] && required=yes && shift
missed=0
for name in ${*:-$all}; do
    tool "$name"
    there >/dev/null 2>&1 && continue
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
        echo "posemill: installing $name, $purpose"
        # RUNLEVEL: a server that a package brings is not started
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get install -y -qq --no-install-recommends $packages; } >/dev/null 2>&1
        there >/dev/null 2>&1 && continue
    fi
    echo "posemill: no $name, $purpose: tests with it are skipped; install it as root (Debian: apt-get install $packages)" >&2
    missed=1
done
[ -z "$required" ] || exit $missed
