"""Peers that break the rules of a session description, or know other spellings of it: a clear refusal at once, or sound and picture
both ways; and the panel runs on."""

import contextlib
import secrets
import struct
from unittest import mock

import aiortc.codecs

import call as calls
from link import Link
from stories import ANNA, MEDIA_S, rung, talking
from street import until

# A refusal comes with the description, not with the deadline of the media (15 s).
AT_ONCE_S = 5


@contextlib.contextmanager
def answers(change):
    """What the client answers is changed on its way out; its own end believes in the original."""
    answer = Link.answer

    async def changed(self, offer):
        return change(await answer(self, offer))

    with mock.patch.object(Link, "answer", changed):
        yield


@contextlib.contextmanager
def offers(change, codec=None):
    """The client offers, as a panel does, and what it offers is changed on its way out."""
    offer = Link.offer

    async def changed(self):
        return change(await offer(self))

    with mock.patch.object(Link, "offer", changed), mock.patch.object(calls, "AGENT", "panel"):
        with contextlib.ExitStack() as stack:
            if codec:
                kept = [one for one in aiortc.codecs.CODECS["video"] if codec(one)]
                stack.enter_context(mock.patch.dict(aiortc.codecs.CODECS, {"video": kept}))
            yield


def refused_video(sdp):
    """Video is refused, and its sources are still announced."""
    audio, video = sdp.split("m=video", 1)
    bundle = next(line for line in sdp.splitlines() if line.startswith("a=group:BUNDLE"))
    audio = audio.replace(bundle, " ".join(bundle.split()[:2]))
    return f"{audio}m=video 0{video[video.index(' UDP'):].replace('a=sendrecv', 'a=inactive')}"


def without_bundle(sdp):
    return "".join(line for line in sdp.splitlines(keepends=True) if not line.startswith("a=group:BUNDLE"))


def one_way(sdp):
    return sdp.replace("a=sendrecv", "a=recvonly")


def other_certificate(sdp):
    """The second line promises somebody else's certificate."""
    at = sdp.rindex("a=fingerprint:sha-256 ") + len("a=fingerprint:sha-256 ")
    return sdp[:at] + ("00" if sdp[at : at + 2] != "00" else "11") + sdp[at + 2 :]


async def works(hub, panel):
    """The panel can still be talked with."""
    panel.check_alive()
    async with hub.client("carl", gear=ANNA) as carl:
        await panel.press("call", "carl")
        call = await rung(carl, panel)
        await call.accept()
        await talking(call, panel)
        await call.hangup()
        await panel.has_ended("hangup")


async def refused_at_once(hub, panel, what):
    """The panel calls, the two ends know why it came to nothing, and no deadline of the media (15 s) was waited for. The ring may be
    over before anybody could look at it: only how it ended is looked at."""
    # The hub passes ten invites of one user to another in a row: the calls of this file go to several.
    async with hub.client("emil", gear=ANNA) as emil:
        await panel.press("call", "emil")
        await panel.has_ended("media_failed", AT_ONCE_S)
        await until(f"the client hears that {what} was refused", lambda: "media_failed" in emil.endings(), AT_ONCE_S)


async def an_answer_that_cannot_work_is_refused_at_once(hub, panel):
    """While it rings: refused video with sources, no bundle, one way, two certificates. Each ends the call with its reason."""
    for change in (refused_video, without_bundle, one_way, other_certificate):
        with answers(change):
            await refused_at_once(hub, panel, change.__name__)
    await works(hub, panel)


async def packets_that_were_not_negotiated_are_dropped(hub, panel):
    """While it only rings, and then in the call: sources and payload types that nobody agreed to."""
    async with hub.client("anna", gear=ANNA) as anna:
        await panel.press("call", "anna")
        call = await rung(anna, panel)
        await until("ICE and DTLS finish while it rings", lambda: call.link and call.link.stage == "connected", MEDIA_S)
        await flood(call.link)
        panel.check_alive()
        await call.accept()
        await talking(call, panel)
        await flood(call.link)
        status = await panel.status()
        link = status["media"]["links"][0]
        assert link["refused_packets"] > 0 and link["video_sent"] > 0, link
        await call.hangup()
        await panel.has_ended("hangup")
    await works(hub, panel)


async def flood(link):
    """RTP of every payload type but those of the call, each from a source of its own; and runts."""
    video = next(one for one in link.peer.getTransceivers() if one.kind == "video")
    transport, used = video.sender.transport, {96, 97, 111}
    for payload in set(range(128)) - used:
        ssrc = secrets.randbelow(2**32)
        await transport._send_rtp(struct.pack("!BBHII", 0x80, payload, 1, 0, ssrc) + bytes(64))


async def an_offer_in_another_spelling_is_answered_both_ways(hub, panel):
    """H.264 without level asymmetry, in capitals or of a low level; a data channel beside; low payload types."""

    def spelled(profile):
        def change(sdp):
            return sdp.replace("level-asymmetry-allowed=1;", "").replace("42e01f", profile).replace("42001f", profile)

        return change

    def h264(codec):
        return codec.mimeType == "video/H264"

    for change, codec in ((spelled("42E01F"), h264), (spelled("42e00a"), h264), (lambda sdp: sdp, None)):
        await talks_as_offerer(hub, panel, change, codec)
    low = [mock.patch.object(codec, "payloadType", 35) for codec in aiortc.codecs.CODECS["audio"] if codec.mimeType == "audio/opus"]
    with contextlib.ExitStack() as stack:
        [stack.enter_context(one) for one in low]
        await talks_as_offerer(hub, panel, lambda sdp: sdp)


async def talks_as_offerer(hub, panel, change, codec=None):
    with offers(change, codec):
        async with hub.client("anna", gear=ANNA) as anna:
            await panel.press("call", "anna")
            call = await rung(anna, panel)
            await call.accept()
            await talking(call, panel)
            await call.hangup()
            await panel.has_ended("hangup")


async def an_offer_that_cannot_work_is_refused_at_once(hub, panel):
    """No bundle, one way, two certificates: the call ends with its reason, not 15 s later."""
    for change in (without_bundle, one_way, other_certificate):
        with offers(change):
            await refused_at_once(hub, panel, change.__name__)
    await works(hub, panel)


async def candidates_without_end_start_no_threads(hub, panel):
    """One answer with a thousand `.local` candidates, and as many messages."""
    lines = [f"candidate:{n} 1 udp {n + 1} {n:08x}.local {1024 + n} typ host" for n in range(1000)]

    def crowded(sdp):
        return sdp + "".join(f"a={line}\r\n" for line in lines)

    before = (await panel.status())["media"]["threads"]
    with answers(crowded):
        async with hub.client("dora", gear=ANNA) as dora:
            await panel.press("call", "dora")
            call = await rung(dora, panel)
            await until("ICE and DTLS finish while it rings", lambda: call.link and call.link.stage == "connected", MEDIA_S)
            threads = (await panel.status())["media"]["threads"]
            assert threads < before + 60, f"{before} threads before, {threads} now"
            await call.accept()
            await talking(call, panel)
            await call.hangup()
            await panel.has_ended("hangup")


ALL = [
    an_answer_that_cannot_work_is_refused_at_once,
    packets_that_were_not_negotiated_are_dropped,
    an_offer_in_another_spelling_is_answered_both_ways,
    an_offer_that_cannot_work_is_refused_at_once,
    candidates_without_end_start_no_threads,
]
