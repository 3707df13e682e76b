"""A network camera: an RTSP server with a moving picture, for the tests. Prints its address, ends with its standard input.

rtsp.py [PORT [slow|udp|'' [NAME]]]. slow: H.264 with a key frame every 10 s, and somebody watches already. udp: it cannot send over
TCP. NAME: a code with this name and a frame number lies over the picture."""
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtsp", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtsp, GstRtspServer

Gst.init(None)
server = GstRtspServer.RTSPServer(service=sys.argv[1] if len(sys.argv) > 1 else "0", address="127.0.0.1")
factory = GstRtspServer.RTSPMediaFactory(shared=True)
kind = sys.argv[2] if len(sys.argv) > 2 else ""
encoder = "x264enc tune=zerolatency speed-preset=ultrafast key-int-max=150"
if not Gst.ElementFactory.find("x264enc"):
    encoder = "openh264enc gop-size=150"
picture = "videotestsrc is-live=true pattern=smpte ! video/x-raw,format=I420,width=640,height=360,framerate=15/1"
if len(sys.argv) > 3:
    overlay = Gst.ElementFactory.find("debugqroverlay").create(None)
    # 1.26 measures the code in percent.
    size = "pixel-size=7" if overlay.find_property("pixel-size") else "size=75"
    picture += f" ! debugqroverlay name={sys.argv[3]} case-sensitive=true {size} x=50 y=50"
slow = (
    f"( {picture} "
    f"! {encoder} ! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 config-interval=-1 )"
)
if kind == "udp":
    factory.set_protocols(GstRtsp.RTSPLowerTrans.UDP)
factory.set_launch(
    slow if kind == "slow" else
    f"( {picture} "
    "! jpegenc ! rtpjpegpay name=pay0 pt=26 )"
)
server.get_mount_points().add_factory("/camera", factory)
server.attach(None)
url = f"rtsp://127.0.0.1:{server.get_bound_port()}/camera"
if kind == "slow":
    watcher = Gst.parse_launch(f"rtspsrc location={url} protocols=tcp ! fakesink")
    watcher.set_state(Gst.State.PLAYING)
print(url, flush=True)
loop = GLib.MainLoop()
threading.Thread(target=lambda: (sys.stdin.read(), GLib.idle_add(loop.quit)), daemon=True).start()
loop.run()
