"""Group calls between the panel and clients that know the document alone."""

import asyncio
import contextlib

from client import Gear
from roster import SEATS
from stories import MEDIA_S, SIGNAL_S, is_tone, over
from street import PANEL, PANEL_HZ, until

ANNA, BEN, CARL = Gear("anna", 1000), Gear("ben", 770), Gear("carl", 1330)


async def everybody_hears_everybody_and_the_caller_leaves(hub, panel):
    """The panel calls three, and leaves; the three go on."""
    async with three(hub) as clients:
        await panel.press("call", "--group", "--audio", "anna", "ben", "carl")
        calls = await all_accept(clients, panel)
        await all_hear(calls, {PANEL, *addresses(calls)})
        await panel_hears(panel, calls)
        await panel.press("hangup")
        await panel.has_ended("hangup")
        await all_hear(calls, addresses(calls))
        for call in calls[:2]:
            await call.hangup()
        await over(calls[2], "hangup")


async def a_client_calls_a_group_and_leaves(hub, panel):
    """The panel and one client go on, and the panel hears it."""
    async with hub.client("anna", gear=ANNA) as anna, hub.client("ben", gear=BEN) as ben:
        own = await anna.ring_group(PANEL.user, "ben")
        await panel.is_in("ringing")
        theirs = await rung(ben, own.name)
        await panel.press("accept")
        await theirs.accept()
        await all_hear([own, theirs], {PANEL, anna.you, ben.you})
        await own.hangup()
        await all_hear([theirs], {PANEL, ben.you})
        await panel_has(panel, {ben.you})
        await panel_hears(panel, [theirs])
        await theirs.hangup()
        await panel.has_ended("hangup")


async def who_left_joins_again(hub, panel):
    """The client by `join` to the members it knew; the panel by `callbox ctl join`, with the caller gone."""
    async with three(hub) as clients:
        await panel.press("call", "--group", "--audio", "anna", "ben", "carl")
        calls = await all_accept(clients, panel)
        anna, *_ = clients
        await all_hear(calls, {PANEL, *addresses(calls)})
        await calls[0].hangup()
        await panel_has(panel, {calls[1].client.you, calls[2].client.you})
        calls[0] = await anna.join(calls[0].name, PANEL, calls[1].client.you)
        await all_hear(calls, {PANEL, *addresses(calls)})
        await panel.press("hangup")
        await panel.has_ended("hangup")
        await all_have(calls, addresses(calls))
        await panel.press("join")
        await all_hear(calls, {PANEL, *addresses(calls)})
        await panel.press("hangup")
        await panel.is_in("idle")


async def the_seventh_is_too_many(hub, panel):
    """Seven accept: six are in, the last one hears why it is not, and comes in when a seat is free."""
    users = [f"flat-{number}" for number in range(SEATS)]
    async with contextlib.AsyncExitStack() as stack:
        clients = [await stack.enter_async_context(hub.client(user, makes_links=False)) for user in users]
        await panel.press("call", "--group", "--audio", *users)
        *calls, last = [await rung(client, await panel.call_name()) for client in clients]
        for call in calls:
            await call.accept()
        await all_have(calls, {PANEL, *addresses(calls)})
        await panel_has(panel, addresses(calls))
        await last.accept()
        await over(last, "too_many")
        await all_have(calls, {PANEL, *addresses(calls)})
        first, *calls = calls
        await first.hangup()
        await all_have(calls, {PANEL, *addresses(calls)})
        calls.append(await last.client.join(last.name, PANEL))
        await all_have(calls, {PANEL, *addresses(calls)})
        await panel.press("hangup")
        await panel.has_ended("hangup")


async def a_stranger_knows_the_call_id(hub, panel):
    """It is turned away by the panel and by a client, and nobody takes it for a member."""
    async with hub.client("anna", gear=ANNA) as anna, hub.client("ben", gear=BEN) as ben, hub.client("mallory") as mallory:
        await panel.press("call", "--group", "--audio", "anna", "ben")
        calls = await all_accept([anna, ben], panel)
        everybody = {PANEL, *addresses(calls)}
        await all_have(calls, everybody)
        for member in (PANEL, anna.you):
            await over(await mallory.join(calls[0].name, member), "rejected")
        await all_hear(calls, everybody)
        await panel_has(panel, addresses(calls))
        for call in calls:
            await call.hangup()
        await panel.has_ended("hangup")


async def one_declines_and_one_is_added(hub, panel):
    """Anna talks, ben declines, and anna rings carl."""
    async with three(hub) as (anna, ben, carl):
        await panel.press("call", "--group", "--audio", "anna", "ben")
        name = await panel.call_name()
        await (await rung(ben, name)).reject()
        calls = await all_accept([anna], panel)
        await all_have(calls, {PANEL, anna.you})
        await calls[0].add("carl")
        calls += await all_accept([carl], panel)
        await all_hear(calls, {PANEL, anna.you, carl.you})
        for call in calls:
            await call.hangup()
        await panel.has_ended("hangup")


ALL = [
    everybody_hears_everybody_and_the_caller_leaves,
    a_client_calls_a_group_and_leaves,
    who_left_joins_again,
    the_seventh_is_too_many,
    a_stranger_knows_the_call_id,
    one_declines_and_one_is_added,
]


@contextlib.asynccontextmanager
async def three(hub):
    """Three clients, each with a tone of its own."""
    async with contextlib.AsyncExitStack() as stack:
        yield [await stack.enter_async_context(hub.client(gear.name, gear=gear)) for gear in (ANNA, BEN, CARL)]


async def rung(client, name):
    """Waits until the client rings with this call."""
    return await until("the client is rung", lambda: client.call and client.call.name == name and client.call, SIGNAL_S)


async def all_accept(clients, panel):
    """Each client is rung with the panel's call, and accepts it."""
    calls = [await rung(client, await panel.call_name()) for client in clients]
    for call in calls:
        await call.accept()
    return calls


def addresses(calls):
    return {call.client.you for call in calls}


async def all_have(calls, everybody):
    """Every roster says the same: these are in."""
    for call in calls:
        name = call.client.you.user
        await until(f"{name} knows who is in", lambda: call.phase == "talking" and call.roster.members() == everybody, SIGNAL_S)


async def all_hear(calls, everybody):
    """Each client hears the tone of each other one, and of the panel where it is in, on the link with it."""
    await all_have(calls, everybody)
    tones = {PANEL: PANEL_HZ, **{call.client.you: call.client.gear.hz for call in calls}}
    for call in calls:
        for other in everybody - {call.client.you}:
            what = f"{call.client.you.user} hears {other.user}"
            await until(what, lambda: (link := call.link_with(other)) and is_tone(link.ear.hz(), tones[other]), MEDIA_S)


async def panel_has(panel, clients):
    """The panel's own view: these are its peers."""
    wanted = {you._asdict()["user"] for you in clients}

    async def has():
        call = (await panel.status())["view"].get("call") or {}
        return {peer["device"]["user"] for peer in call.get("peers", [])} == wanted

    await until(f"the panel's peers are {sorted(wanted)}", has, SIGNAL_S)


async def panel_hears(panel, calls):
    """One client after the other is the only one that makes a sound: the panel hears its tone."""
    await asyncio.gather(*(call.mute(True) for call in calls))
    for call in calls:
        await call.mute(False)

        async def heard():
            return is_tone(await panel.hears(), call.client.gear.hz)

        await until(f"the panel hears {call.client.you.user}", heard, MEDIA_S)
        await call.mute(True)
    await asyncio.gather(*(call.mute(False) for call in calls))
