"""What is sent and known again at the other end: a picture with a code that carries a name and a moving number, and a tone."""

import asyncio
import json
import time
from collections import deque
from fractions import Fraction

import numpy
import zxingcpp
from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame, VideoFrame

WIDTH, HEIGHT, FPS = 640, 360, 10
RATE, SAMPLES = 48_000, 960
VIDEO_CLOCK = 90_000
LOUDNESS = 10_000
# What arrived longer ago is not what is there now.
FRESH_S = 1.0
# Half a second of sound: its spectrum tells frequencies 2 Hz apart.
HEARD_SAMPLES = RATE // 2
SILENCE = 300


class Picture(MediaStreamTrack):
    """A test camera: grey, with a code in the middle."""

    kind = "video"

    def __init__(self, name):
        super().__init__()
        self.name = name
        self.number = 0
        self.began = time.monotonic()

    async def recv(self):
        self.number += 1
        await asyncio.sleep(max(0.0, self.began + self.number / FPS - time.monotonic()))
        text = json.dumps({"TIMESTAMP": time.monotonic_ns(), "BUFFERCOUNT": self.number, "NAME": self.name})
        code = numpy.array(zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode).to_image(scale=6))
        canvas = numpy.full((HEIGHT, WIDTH), 200, numpy.uint8)
        top, left = (HEIGHT - code.shape[0]) // 2, (WIDTH - code.shape[1]) // 2
        canvas[top : top + code.shape[0], left : left + code.shape[1]] = code
        frame = VideoFrame.from_ndarray(canvas, format="gray")
        frame.pts, frame.time_base = self.number * VIDEO_CLOCK // FPS, Fraction(1, VIDEO_CLOCK)
        return frame


class Tone(MediaStreamTrack):
    """A test microphone: a sine."""

    kind = "audio"

    def __init__(self, hz):
        super().__init__()
        self.hz = hz
        self.sent = 0
        self.began = time.monotonic()

    async def recv(self):
        await asyncio.sleep(max(0.0, self.began + self.sent / RATE - time.monotonic()))
        at = numpy.arange(self.sent, self.sent + SAMPLES)
        wave = (LOUDNESS * numpy.sin(2 * numpy.pi * self.hz * at / RATE)).astype(numpy.int16)
        frame = AudioFrame.from_ndarray(wave.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = RATE, self.sent, Fraction(1, RATE)
        self.sent += SAMPLES
        return frame


class Eye:
    """Reads the code in every frame of a picture that arrives."""

    def __init__(self):
        self.frames = 0
        self._seen = None

    def code(self):
        """Name and number of the frame that is there now, or nothing."""
        if self._seen is None or time.monotonic() - self._seen[0] > FRESH_S:
            return None
        return self._seen[1]

    async def watch(self, track):
        """Takes frames until the track ends."""
        while (frame := await next_frame(track)) is not None:
            self.frames += 1
            codes = await asyncio.to_thread(zxingcpp.read_barcodes, frame.to_ndarray(format="gray"))
            for code in codes:
                told = json.loads(code.text)
                self._seen = time.monotonic(), (told["NAME"], told["BUFFERCOUNT"])


class Ear:
    """Keeps the last half second of a sound that arrives."""

    def __init__(self):
        self.frames = 0
        self._heard_at = 0.0
        self._samples = deque(maxlen=HEARD_SAMPLES)

    def hz(self):
        """The loudest frequency now, or nothing when it is silent."""
        if time.monotonic() - self._heard_at > FRESH_S or len(self._samples) < HEARD_SAMPLES:
            return None
        samples = numpy.array(self._samples, dtype=float)
        if numpy.abs(samples).max() < SILENCE:
            return None
        spectrum = numpy.abs(numpy.fft.rfft(samples * numpy.hanning(len(samples))))
        return float(numpy.argmax(spectrum) * RATE / len(samples))

    async def watch(self, track):
        """Takes frames until the track ends."""
        while (frame := await next_frame(track)) is not None:
            self.frames += 1
            self._heard_at = time.monotonic()
            samples = frame.to_ndarray()[0]
            self._samples.extend(samples[:: len(frame.layout.channels)])


async def next_frame(track):
    """The next frame of a track, or nothing after its end."""
    try:
        return await track.recv()
    except MediaStreamError:
        return None
