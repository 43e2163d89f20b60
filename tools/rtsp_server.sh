#!/bin/sh
# GStreamer's RTSP server, which stands for a network camera in the edge's tests: there already, installed here as root,
# or missed in one sentence. posemill itself needs none. With --required it is an error to be without.
there() { /usr/bin/python3 -c "import gi; gi.require_version('GstRtspServer', '1.0'); from gi.repository import GstRtspServer" 2>/dev/null; }
there && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "posemill: installing GStreamer's RTSP server, the network camera of the edge's tests"
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-rtsp; } >/dev/null 2>&1
    there && exit 0
fi
echo "posemill: no RTSP server, so the edge's test against one is skipped: install it as root (Debian: apt-get install python3-gi gir1.2-gst-rtsp-server-1.0 gstreamer1.0-plugins-good gstreamer1.0-rtsp)" >&2
[ "$1" != --required ]
