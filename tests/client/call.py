"""One call, from the first ring to its end, seen from either side (docs/protocol.md, sections 5 and 8)."""

import asyncio
import secrets
import time
from typing import NamedTuple

from link import Link
from roster import Address

AGENT = "browser"
EARLY = ["off", "connect", "preview"]
ACCEPT_EVERY_S, ACCEPT_FOR_S = 1, 10
BUSY_WAIT_S = 1
BACKSTOP_S = 5
MOST_LINKS = 64
# Why everybody refused: the kindest reason counts.
KINDNESS = ["rejected", "busy", "no_answer"]
# What a callee is told where it is not the reason itself.
TOLD = {"rejected": "rejected_elsewhere", "offline": "no_answer"}


class Outcome(NamedTuple):
    """What is remembered of a call that is over."""

    reason: str
    by: Address | None = None
    declined: bool = False


class Call:
    """What both sides of a call have in common."""

    def __init__(self, client, name, media, early, phase):
        self.client, self.name, self.media, self.early = client, name, media, early
        self.phase = phase
        self.peer = None
        self.outcome = None
        self.links = {}
        self._tasks = []

    @property
    def link(self):
        """The newest link with the device at the other end, or nothing."""
        return (self.links.get(self.peer) or [None])[-1]

    async def take(self, sender, message):
        """Hears what a peer says of this call; what fits no phase is ignored."""
        hear = getattr(self, f"_on_{message['type']}", None)
        if hear:
            await hear(sender, message)

    async def hangup(self):
        """Ends it, or gives it up while it rings."""
        async with self.client.turn:
            await self._hang_up()

    async def say(self, kind, to, /, **fields):
        """Sends a message of this call to a device, or to a user, and returns its id."""
        address = to._asdict() if isinstance(to, Address) else {"user": to}
        return await self.client.send(kind, to=address, call=self.name, **fields)

    async def end(self, reason, by=None, declined=False):
        """Closes everything and remembers how it ended."""
        if self.phase == "over":
            return
        self.phase, self.outcome = "over", Outcome(reason, by, declined)
        self.client.remember(self.name, self.outcome)
        own = asyncio.current_task()
        for task in self._tasks:
            if task is not own:
                task.cancel()
        for device in list(self.links):
            await self.close_links(device)
        await self.client.ring_next(self)

    def later(self, seconds, work):
        """Does this after a while, unless the call is over by then."""

        async def wait():
            await asyncio.sleep(seconds)
            async with self.client.turn:
                await work()

        self._tasks.append(asyncio.create_task(wait()))

    async def close_links(self, device):
        """Closes what was set up with a device."""
        for link in self.links.pop(device, []):
            await link.close()

    def is_party(self, sender):
        """Whether this device may set up links with us now."""
        return sender == self.peer

    async def start_talking(self):
        """The call is confirmed: the gates open."""
        self.phase = "talking"
        for device in [device for device in self.links if device != self.peer]:
            await self.close_links(device)
        for link in self.links.get(self.peer, []):
            link.open()
        await self.say("media", self.peer, audio=True, video=self.media == "video")

    async def make_offer(self, device):
        """Offers the next link to a device."""
        link = self._new_link(device, self._newest(device) + 1)
        await self.say("offer", device, link=link.number, sdp=await link.offer())
        if self.phase == "talking":
            link.open()

    async def _hang_up(self):
        await self.say("hangup", self.peer, reason="hangup")
        await self.end("hangup")

    async def _on_offer(self, sender, message):
        number = message["link"]
        if not self.is_party(sender) or not self._newest(sender) < number <= MOST_LINKS:
            return
        link = self._new_link(sender, number)
        await self.say("answer", sender, link=number, sdp=await link.answer(message["sdp"]))
        if self.phase == "talking":
            link.open()
            self._tasks.append(asyncio.create_task(self._replace(sender, link)))

    async def _on_answer(self, sender, message):
        if link := self._known(sender, message["link"]):
            await link.accept(message["sdp"])

    async def _on_candidate(self, sender, message):
        if link := self._known(sender, message["link"]):
            await link.add(message["candidate"], message["mline"])

    async def _on_hangup(self, sender, message):
        if sender == self.peer:
            await self.end(message["reason"])

    def _new_link(self, device, number):
        link = Link(number, self.media, self.client.ice_servers, self.client.gear)
        self.links.setdefault(device, []).append(link)
        return link

    def _newest(self, device):
        return max((link.number for link in self.links.get(device, [])), default=0)

    def _known(self, device, number):
        return next((link for link in self.links.get(device, []) if link.number == number), None)

    async def _replace(self, device, link):
        """Closes the older links at the first sound or frame on this one."""
        while not link.flows:
            await asyncio.sleep(0.05)
        async with self.client.turn:
            links = self.links.get(device, [])
            for old in [old for old in links if old.number < link.number]:
                links.remove(old)
                await old.close()


class Incoming(Call):
    """Somebody rings us."""

    def __init__(self, client, sender, message):
        early = min(message.get("early", "off"), client.early, key=EARLY.index)
        super().__init__(client, message["call"], message["media"], early, "ringing")
        self.peer = sender
        # Every pairing but panel with browser: the callee's device offers.
        self.offers = message["agent"] == AGENT
        self.later(message["remaining_ms"] / 1000, self._give_up)

    async def ring(self):
        """Tells the inviter that it rings here."""
        await self.say("ringing", self.peer, agent=AGENT, early=self.early, link=self._newest(self.peer))
        if self.offers and self.early != "off" and not self.link:
            await self.make_offer(self.peer)

    async def repeat(self):
        """The invite came again."""
        if self.phase == "ringing":
            await self.ring()
        elif self.phase == "accepting":
            await self.say("accept", self.peer, agent=AGENT)

    async def accept(self):
        """Picks up. It counts once the inviter has confirmed it."""
        async with self.client.turn:
            await self.pick_up()

    async def reject(self):
        """Declines."""
        async with self.client.turn:
            await self._decline("rejected")

    async def pick_up(self):
        """Says `accept` until it is confirmed."""
        if self.phase == "ringing":
            self.phase = "accepting"
            await self._insist(time.monotonic() + ACCEPT_FOR_S)

    async def _insist(self, until):
        if self.phase != "accepting":
            return
        if time.monotonic() < until:
            await self.say("accept", self.peer, agent=AGENT)
            self.later(ACCEPT_EVERY_S, lambda: self._insist(until))
        else:
            await self.say("hangup", self.peer, reason="network_lost")
            await self.end("network_lost")

    async def _decline(self, reason):
        if self.phase == "ringing":
            await self.say("reject", self.peer, reason=reason)
            await self.end(reason, declined=True)

    async def _give_up(self):
        await self._decline("no_answer")

    async def _on_confirm(self, sender, _message):
        if sender != self.peer or self.phase != "accepting":
            return
        await self.start_talking()
        if self.offers and not self.link:
            await self.make_offer(self.peer)

    async def _on_cancel(self, sender, message):
        if sender != self.peer:
            return
        by = Address(**message["by"]) if message.get("by") else None
        if by == self.client.you:
            await self._on_confirm(sender, message)
        else:
            await self.end(message["reason"], by)


class Outgoing(Call):
    """We ring somebody, and are the arbiter of it."""

    def __init__(self, client, users, media="video", seconds=30, name=None):
        super().__init__(client, name or secrets.token_hex(16), media, client.early, "calling")
        self.users = users
        self.rings_s = seconds
        self.ringing = set()
        self.left = set()
        self.refused = {}
        self._invites = {}
        self.later(seconds + BACKSTOP_S, self._give_up)

    async def invite(self):
        """Rings every user."""
        for user in self.users:
            name = await self.say(
                "invite", user, kind="single", media=self.media, callees=self.users,
                remaining_ms=self.rings_s * 1000, agent=AGENT, early=self.early,
            )
            self._invites[name] = user

    async def cancel(self, reason="cancelled", by=None):
        """Stops the ringing everywhere."""
        for user in self.users:
            await self.say("cancel", user, reason=reason, **({"by": by._asdict()} if by else {}))

    def is_party(self, sender):
        return sender == self.peer if self.peer else sender in self.ringing

    async def hear_result(self, result):
        """The hub tells what became of a message; whose invite it has not passed on is out."""
        user = self._invites.get(result.get("re"))
        if user and self.phase == "calling" and result["code"] not in ("ok", "queued"):
            await self._refuse(user, "offline")

    async def _hang_up(self):
        if self.phase == "talking":
            await super()._hang_up()
        else:
            await self.cancel()
            await self.end("cancelled")

    async def _give_up(self):
        if self.phase == "calling":
            await self.cancel("no_answer")
            await self.end("no_answer" if self.ringing else "offline")

    async def _on_ringing(self, sender, message):
        if sender.user not in self.users:
            return
        if self.phase != "calling":
            await self._tell_late(sender)
        elif self._is_out(sender):
            await self.say("cancel", sender, reason="cancelled")
        else:
            self.ringing.add(sender)
            if message.get("link", 0) == 0:
                await self.close_links(sender)

    async def _on_accept(self, sender, _message):
        if sender.user not in self.users:
            return
        if self.phase != "calling":
            await self._tell_late(sender)
        elif self._is_out(sender):
            await self.say("cancel", sender, reason="cancelled")
        else:
            self.peer = sender
            await self.say("confirm", sender)
            await self.cancel("answered_elsewhere", sender)
            await self.start_talking()

    async def _on_reject(self, sender, message):
        if sender.user not in self.users or self.phase != "calling":
            return
        reason = message["reason"]
        self.left.add(sender)
        self.ringing.discard(sender)
        if reason == "rejected":
            await self.say("cancel", sender.user, reason="rejected_elsewhere")
            await self._refuse(sender.user, reason)
        elif reason == "no_answer":
            await self._settle(sender.user, reason)
        else:
            self.later(BUSY_WAIT_S, lambda: self._settle(sender.user, reason))

    async def _on_hangup(self, sender, message):
        if self.phase == "calling":
            await self._on_reject(sender, message)
        else:
            await super()._on_hangup(sender, message)

    async def _settle(self, user, reason):
        """One device said so; for the user it counts when no other device of the user rings."""
        if not any(device.user == user for device in self.ringing):
            await self._refuse(user, reason)

    async def _refuse(self, user, reason):
        self.refused.setdefault(user, reason)
        if len(self.refused) < len(self.users) or self.phase != "calling":
            return
        why = next((kind for kind in KINDNESS if kind in self.refused.values()), reason)
        await self.cancel(TOLD.get(why, why))
        await self.end(why)

    def _is_out(self, sender):
        return sender in self.left or sender.user in self.refused

    async def _tell_late(self, sender):
        if sender == self.peer:
            await self.say("confirm", sender)
        else:
            await self.say("cancel", sender, reason="answered_elsewhere", by=self.peer._asdict())
