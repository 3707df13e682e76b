"""The calls that are tried, each with a new client against the same hub and panel."""

import json
import secrets

from call import Address, Outgoing
from client import Gear, Refused
from street import PANEL, PANEL_HZ, until

ANNA, BEN = Gear("anna", 1000), Gear("ben", 770)
NEAR_HZ = 25
# Media on a busy machine: generous, as nothing here measures speed.
MEDIA_S = 45
SIGNAL_S = 15


async def the_panel_calls_and_the_client_hangs_up(hub, panel):
    """Early connect, nothing before the confirm, both pictures and both tones after it."""
    async with hub.client("anna", gear=ANNA) as anna:
        await panel.press("call", "anna")
        call = await rung(anna, panel)
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
        await (await rung(anna, panel)).reject()
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
        await panel.has_ended("busy")
        assert anna.call is own, "the panel's invite has ended the client's own call"
        await own.hangup()


async def the_panel_gives_up(hub, panel):
    """It hangs up while the client still rings."""
    async with hub.client("anna") as anna:
        await panel.press("call", "anna")
        call = await rung(anna, panel)
        await panel.press("hangup")
        await over(call, "cancelled")
        await panel.has_ended("cancelled")


async def one_of_two_devices_answers(hub, panel):
    """The other one falls silent, and hears who it was."""
    async with hub.client("anna", "desk", gear=ANNA) as desk, hub.client("anna", "phone") as phone:
        await panel.press("call", "anna")
        at_desk, at_phone = await rung(desk, panel), await rung(phone, panel)
        await at_desk.accept()
        await over(at_phone, "answered_elsewhere")
        assert at_phone.outcome.by == Address("anna", "desk"), at_phone.outcome
        await talking(at_desk, panel)
        await at_desk.hangup()
        await panel.has_ended("hangup")


async def the_panel_loses_its_power_while_it_rings(hub, panel):
    """It rings again after its restart: the first ring ends, the second one is answered."""
    # Nobody else's name: until its deadline the hub tells every new device of this user of the first call.
    async with hub.client("carl", gear=ANNA) as carl:
        await panel.press("call", "carl")
        first = await rung(carl, panel)
        await panel.kill()
        await panel.start()
        await panel.press("call", "carl")
        await over(first, "network_lost")
        second = await rung(carl, panel)
        await second.accept()
        await talking(second, panel)
        await second.hangup()
        await panel.has_ended("hangup")


async def both_ring_and_the_clients_call_wins(hub, panel):
    """Its id is the smaller one: the panel's press counts as picking up."""
    await cross(hub, panel, "-")


async def both_ring_and_the_panels_call_wins(hub, panel):
    """Its id is the smaller one: the client's press counts as picking up."""
    await cross(hub, panel, "z")


async def cross(hub, panel, first_letter):
    """The two invites cross; letters before and after hexadecimal digits make sure of the winner."""
    async with hub.client("anna", gear=ANNA) as anna:
        # Nothing is heard before the own invite is out.
        async with anna.turn:
            await panel.press("call", "anna")
            theirs = await panel.call_name()
            own = await anna.begin(Outgoing(anna, [PANEL.user], name=first_letter + secrets.token_hex(16)))
        winner = min(own.name, theirs)
        call = await until("one call is left", lambda: anna.call and anna.call.name == winner and anna.call, SIGNAL_S)
        await talking(call, panel)
        assert await panel.call_name() == winner, "the two ends talk in different calls"
        await call.hangup()
        await panel.has_ended("hangup")


async def a_lost_link_is_replaced(hub, panel):
    """The call goes on over the next one."""
    async with hub.client("anna", gear=ANNA) as anna:
        call = await anna.ring(PANEL.user)
        await panel.is_in("ringing")
        await panel.press("accept")
        await talking(call, panel)
        await call.link.close()
        await until("the panel offers the next link", lambda: call.link.number == 2, MEDIA_S)
        await talking(call, panel)
        await call.hangup()
        await panel.has_ended("hangup")


async def two_clients_without_a_panel(hub, _panel):
    """Both answer offers of panels; between them the callee's device offers."""
    async with hub.client("anna", gear=ANNA) as anna, hub.client("ben", gear=BEN) as ben:
        own = await anna.ring("ben")
        await until("ben is rung", lambda: ben.call, SIGNAL_S)
        theirs = ben.call
        await until("ICE and DTLS finish while it rings", lambda: theirs.link.stage == "connected", MEDIA_S)
        await theirs.accept()
        for end, other in ((own, BEN), (theirs, ANNA)):
            name, _ = await until(f"{other.name} is seen", lambda: end.link and end.link.eye.code(), MEDIA_S)
            assert name == other.name, f"{name} is seen where {other.name} was to be"
            await until(f"{other.name} is heard", lambda: is_tone(end.link.ear.hz(), other.hz), MEDIA_S)
        await own.hangup()
        await over(theirs, "hangup")


async def another_version_is_answered(hub, panel):
    """By the hub with `result`, and with `reject` in the name of the callee."""
    async with hub.client("anna") as anna:
        name = secrets.token_hex(16)
        later = {"v": 2, "id": name, "to": {"user": PANEL.user}, "type": "invite", "call": name}
        heard = []
        take = anna.hear_peer

        async def listen(sender, message):
            heard.append((sender, message["type"], message["call"], message["reason"]))
            await take(sender, message)

        anna.hear_peer = listen
        await anna.socket.send(json.dumps(later))
        await until("the hub answers", lambda: [r["code"] for r in anna.results if r.get("re") == name], SIGNAL_S)
        assert anna.results[-1]["code"] == "unsupported_version", anna.results
        await until("the callee's answer comes", lambda: heard, SIGNAL_S)
        assert heard == [(Address(PANEL.user, "hub"), "reject", name, "unsupported_version")], heard
        await panel.is_in("idle")


async def h264_and_a_picture_before_the_answer(hub, panel):
    """The other codec, and `preview`: the visitor is seen, not heard, while it rings."""
    await panel.stop()
    await panel.start(codec="h264", early="preview")
    async with hub.client("anna", gear=ANNA, early="preview") as anna:
        await panel.press("call", "anna")
        call = await rung(anna, panel)
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
    the_panel_loses_its_power_while_it_rings,
    both_ring_and_the_clients_call_wins,
    both_ring_and_the_panels_call_wins,
    a_lost_link_is_replaced,
    two_clients_without_a_panel,
    a_bad_ticket_is_refused,
    another_version_is_answered,
    h264_and_a_picture_before_the_answer,
]


async def rung(client, panel):
    """Waits until the client rings with the call that the panel makes; the hub may have kept an older one for it."""
    name = await panel.call_name()
    return await until("the client is rung", lambda: client.call and client.call.name == name and client.call, SIGNAL_S)


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
