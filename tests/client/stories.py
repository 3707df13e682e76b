"""The calls that are tried, each with a new client against the same hub and panel."""

from call import Address
from client import Gear, Refused
from street import PANEL, PANEL_HZ, until

ANNA = Gear("anna", 1000)
NEAR_HZ = 25
# Media on a busy machine: generous, as nothing here measures speed.
MEDIA_S = 30
SIGNAL_S = 15


async def the_panel_calls_and_the_client_hangs_up(hub, panel):
    """Early connect, nothing before the confirm, both pictures and both tones after it."""
    async with hub.client("anna", gear=ANNA) as anna:
        await panel.press("call", "anna")
        call = await rung(anna)
        await until("ICE and DTLS finish while it rings", lambda: call.link and call.link.stage == "connected", MEDIA_S)
        assert call.phase == "ringing" and not call.link.flows, "media passed before the confirm"
        await call.accept()
        await talking(call, panel)
        await call.hangup()
        await panel.has_ended("hangup")


async def the_client_calls_and_the_panel_hangs_up(hub, panel):
    """The panel picks up and ends it; the client hears the reason."""
    async with hub.client("anna", gear=ANNA) as anna:
        call = await anna.ring(PANEL.user)
        await panel.is_in("ringing")
        await until("the hub has passed the invite on", lambda: [r for r in anna.results if r["code"] == "ok"], SIGNAL_S)
        await until("the panel rings, by its own word", lambda: PANEL in call.ringing, SIGNAL_S)
        await panel.press("accept")
        await talking(call, panel)
        await panel.press("hangup")
        await over(call, "hangup")
        await panel.has_ended("hangup")


async def the_panel_declines(hub, panel):
    """A person at the panel says no."""
    async with hub.client("anna") as anna:
        call = await anna.ring(PANEL.user)
        await panel.is_in("ringing")
        await panel.press("reject")
        await over(call, "rejected")
        await panel.has_ended("rejected")


async def the_client_declines(hub, panel):
    """A person at the client says no."""
    async with hub.client("anna") as anna:
        await panel.press("call", "anna")
        await (await rung(anna)).reject()
        await panel.has_ended("rejected")


async def the_panel_is_busy(hub, panel):
    """While it talks to one client another one calls."""
    async with hub.client("anna", gear=ANNA) as anna, hub.client("ben") as ben:
        first = await anna.ring(PANEL.user, media="audio")
        await panel.is_in("ringing")
        await panel.press("accept")
        await until("anna talks", lambda: first.phase == "talking", SIGNAL_S)
        await over(await ben.ring(PANEL.user), "busy")
        assert first.phase == "talking", "the second caller has ended the first call"
        await first.hangup()
        await panel.has_ended("hangup")


async def the_client_is_busy(hub, panel):
    """While the client rings somebody who is not there the panel calls it."""
    async with hub.client("anna") as anna:
        own = await anna.ring("ben")
        await until("the invite waits at the hub", lambda: [r for r in anna.results if r["code"] == "queued"], SIGNAL_S)
        await panel.press("call", "anna")
        await panel.is_in("calling")
        await panel.has_ended("busy")
        assert anna.call is own, "the panel's invite has ended the client's own call"
        await own.hangup()


async def the_panel_gives_up(hub, panel):
    """It hangs up while the client still rings."""
    async with hub.client("anna") as anna:
        await panel.press("call", "anna")
        call = await rung(anna)
        await panel.press("hangup")
        await over(call, "cancelled")
        await panel.has_ended("cancelled")


async def one_of_two_devices_answers(hub, panel):
    """The other one falls silent, and hears who it was."""
    async with hub.client("anna", "desk", gear=ANNA) as desk, hub.client("anna", "phone") as phone:
        await panel.press("call", "anna")
        at_desk, at_phone = await rung(desk), await rung(phone)
        await at_desk.accept()
        await over(at_phone, "answered_elsewhere")
        assert at_phone.outcome.by == Address("anna", "desk"), at_phone.outcome
        await talking(at_desk, panel)
        await at_desk.hangup()
        await panel.has_ended("hangup")


async def h264_and_a_picture_before_the_answer(hub, panel):
    """The other codec, and `preview`: the visitor is seen, not heard, while it rings."""
    await panel.stop()
    await panel.start(codec="h264", early="preview")
    async with hub.client("anna", gear=ANNA, early="preview") as anna:
        await panel.press("call", "anna")
        call = await rung(anna)
        await until("the visitor is seen while it rings", lambda: call.link and call.link.eye.code(), MEDIA_S)
        assert call.phase == "ringing" and call.link.ear.hz() is None, "sound passed before the confirm"
        await call.accept()
        await talking(call, panel)
        await call.hangup()
        await panel.has_ended("hangup")


async def a_bad_ticket_is_refused(hub, _panel):
    """The hub says what is wrong with it."""
    anna = hub.client("anna")
    anna.ticket = hub.client("ben").ticket
    try:
        async with anna:
            raise AssertionError("anna has come in with ben's ticket")
    except Refused as bye:
        assert (bye.reason, bye.code) == ("not_logged_in", 70013), bye


ALL = [
    the_panel_calls_and_the_client_hangs_up,
    the_client_calls_and_the_panel_hangs_up,
    the_panel_declines,
    the_client_declines,
    the_panel_is_busy,
    the_client_is_busy,
    the_panel_gives_up,
    one_of_two_devices_answers,
    a_bad_ticket_is_refused,
    h264_and_a_picture_before_the_answer,
]


async def rung(client):
    """Waits until it rings."""
    return await until("the client is rung", lambda: client.call, SIGNAL_S)


async def over(call, reason):
    """Waits for the end of a call, and checks why it ended."""
    await until(f"the call ends with {reason}", lambda: call.outcome, SIGNAL_S)
    assert call.outcome.reason == reason, f"the client says {call.outcome.reason} where {reason} was to be"


async def talking(call, panel):
    """Both are in the call, see each other's picture move and hear each other's tone."""
    await until("the client talks", lambda: call.phase == "talking", SIGNAL_S)
    await panel.is_in("talking")
    gear = call.client.gear

    async def shown():
        return call.link and call.link.eye.code()

    await moves("the client sees the panel", PANEL.user, shown)
    await moves("the panel sees the client", gear.name, panel.sees)
    await until("the client hears the panel's tone", lambda: call.link and is_tone(call.link.ear.hz(), PANEL_HZ), MEDIA_S)

    async def heard():
        return is_tone(await panel.hears(), gear.hz)

    await until("the panel hears the client's tone", heard, MEDIA_S)


async def moves(what, name, code):
    """The picture is whose it should be, and its number grows."""
    seen_name, first = await until(what, code, MEDIA_S)
    assert seen_name == name, f"{what}: {seen_name} where {name} was to be"

    async def later():
        seen = await code()
        return seen and seen[1] > first

    await until(f"{what} and the picture moves on from {first}", later, MEDIA_S)


def is_tone(hz, sent):
    """Whether this is the tone that was sent."""
    return hz is not None and abs(hz - sent) <= NEAR_HZ
