"""An RTSP server with pictures of a folder as its stream; run by the system's Python, which has GStreamer.

python3 rtsp_server.py PORT FOLDER FPS: serves FOLDER/0000.jpg … over and over at rtsp://127.0.0.1:PORT/live, prints
`ready` and runs until it is killed.
"""

import sys

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

port, folder, fps = sys.argv[1:]
Gst.init(None)
server = GstRtspServer.RTSPServer(service=port, address="127.0.0.1")
factory = GstRtspServer.RTSPMediaFactory(shared=True)
source = f'multifilesrc location="{folder}/%04d.jpg" loop=true caps="image/jpeg,framerate={fps}/1"'
factory.set_launch(f"( {source} ! jpegdec ! jpegenc ! rtpjpegpay name=pay0 pt=26 )")
server.get_mount_points().add_factory("/live", factory)
if not server.attach(None):
    sys.exit(f"port {port} is taken")
print("ready", flush=True)
GLib.MainLoop().run()
