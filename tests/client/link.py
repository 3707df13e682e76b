"""One WebRTC peer connection of a call (docs/protocol.md, section 6)."""

import asyncio

from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.sdp import candidate_from_sdp

from content import Ear, Eye, Picture, Tone

# Candidates that may come before the description they belong to.
KEPT_CANDIDATES = 64


class Link:
    """One negotiation: an offer, an answer, and what flows then."""

    def __init__(self, number, media, ice_servers, gear):
        self.number = number
        self.kinds = ["audio", "video"] if media == "video" else ["audio"]
        self.gear = gear
        self.eye, self.ear = Eye(), Ear()
        self.is_open = False
        self._candidates = []
        self._watching = []
        servers = [RTCIceServer(**server) for server in ice_servers]
        self.peer = RTCPeerConnection(RTCConfiguration(iceServers=servers))
        self.peer.on("track", self._watch)

    @property
    def stage(self):
        """How far it is: `connected` when ICE and DTLS have finished."""
        return self.peer.connectionState

    @property
    def flows(self):
        """Whether anything has been seen or heard on it."""
        return self.eye.frames + self.ear.frames > 0

    async def offer(self):
        """Makes the offer; every candidate is in it."""
        for kind in self.kinds:
            self.peer.addTransceiver(kind, direction="sendrecv")
        await self.peer.setLocalDescription(await self.peer.createOffer())
        return self.peer.localDescription.sdp

    async def answer(self, offer):
        """Takes the offer and makes the answer; every candidate is in it."""
        # aiortc speaks no RSA suite as a DTLS client, and the panel's certificate may be RSA: be the DTLS server, as
        # `actpass` allows.
        await self._describe(offer.replace("a=setup:actpass", "a=setup:active"), "offer")
        for transceiver in self.peer.getTransceivers():
            transceiver.direction = "sendrecv"
        await self.peer.setLocalDescription(await self.peer.createAnswer())
        return self.peer.localDescription.sdp

    async def accept(self, answer):
        """Takes the answer to the own offer."""
        await self._describe(answer, "answer")

    async def add(self, candidate, mline):
        """Adds a candidate of the peer, or keeps it until the description is there."""
        if self.peer.remoteDescription is None:
            if len(self._candidates) < KEPT_CANDIDATES:
                self._candidates.append((candidate, mline))
            return
        if not candidate:
            await self.peer.addIceCandidate(None)
            return
        parsed = candidate_from_sdp(candidate.removeprefix("candidate:"))
        parsed.sdpMLineIndex = mline
        await self.peer.addIceCandidate(parsed)

    def open(self):
        """Opens the gates: microphone and camera are sent from now on."""
        if self.is_open:
            return
        self.is_open = True
        for transceiver in self.peer.getTransceivers():
            source = Picture(self.gear.name) if transceiver.kind == "video" else Tone(self.gear.hz)
            transceiver.sender.replaceTrack(source)

    def mute(self, is_mute):
        """Stops sending sound, or sends it again."""
        for transceiver in self.peer.getTransceivers():
            if transceiver.kind == "audio":
                transceiver.sender.replaceTrack(None if is_mute else Tone(self.gear.hz))

    async def close(self):
        """Ends it, and everything that watches it."""
        await self.peer.close()
        for task in self._watching:
            task.cancel()
        for outcome in await asyncio.gather(*self._watching, return_exceptions=True):
            if isinstance(outcome, Exception):
                raise outcome

    async def _describe(self, sdp, kind):
        await self.peer.setRemoteDescription(RTCSessionDescription(sdp, kind))
        kept, self._candidates = self._candidates, []
        for candidate, mline in kept:
            await self.add(candidate, mline)

    def _watch(self, track):
        sense = self.eye if track.kind == "video" else self.ear
        self._watching.append(asyncio.create_task(sense.watch(track)))
