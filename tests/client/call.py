"""One call, from the first ring to its end, seen from either side (docs/protocol.md, sections 5 and 8)."""

import asyncio
import secrets
import time
from typing import NamedTuple

from link import Link

AGENT = "browser"
EARLY = ["off", "connect", "preview"]
ACCEPT_EVERY_S, ACCEPT_FOR_S = 1, 10
BUSY_WAIT_S = 1
BACKSTOP_S = 5
MOST_LINKS = 64
# Why everybody refused: the kindest reason counts.
KINDNESS = ["rejected", "busy", "no_answer"]


class Address(NamedTuple):
    """One login of a user."""

    user: str
    device: str


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
        """Ends what is talked."""
        await self.say("hangup", self.peer, reason="hangup")
        await self.end("hangup")

    async def say(self, kind, to, **fields):
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
        await asyncio.gather(*(link.close() for links in self.links.values() for link in links))

    def later(self, seconds, work):
        """Does this after a while, unless the call is over by then."""

        async def wait():
            await asyncio.sleep(seconds)
            await work()

        self._tasks.append(asyncio.create_task(wait()))

    def is_party(self, sender):
        """Whether this device may set up links with us now."""
        return sender == self.peer

    async def start_talking(self):
        """The call is confirmed: the gates open."""
        self.phase = "talking"
        for device in [device for device in self.links if device != self.peer]:
            for link in self.links.pop(device):
                await link.close()
        for link in self.links.get(self.peer, []):
            link.open()
        await self.say("media", self.peer, audio=True, video=self.media == "video")

    async def make_offer(self):
        """Offers the next link to the peer."""
        link = self._new_link(self.peer, self._newest(self.peer) + 1)
        await self.say("offer", self.peer, link=link.number, sdp=await link.offer())

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
        links = self.links[device]
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
            await self.make_offer()

    async def repeat(self):
        """The invite came again."""
        if self.phase == "ringing":
            await self.ring()
        elif self.phase == "accepting":
            await self.say("accept", self.peer, agent=AGENT)

    async def accept(self):
        """Picks up. It counts once the inviter has confirmed it."""
        self.phase = "accepting"
        self._tasks.append(asyncio.create_task(self._insist()))

    async def reject(self, reason="rejected"):
        """Declines."""
        await self.say("reject", self.peer, reason=reason)
        await self.end(reason, declined=True)

    async def _insist(self):
        until = time.monotonic() + ACCEPT_FOR_S
        while self.phase == "accepting" and time.monotonic() < until:
            await self.say("accept", self.peer, agent=AGENT)
            await asyncio.sleep(ACCEPT_EVERY_S)
        if self.phase == "accepting":
            await self.say("hangup", self.peer, reason="network_lost")
            await self.end("network_lost")

    async def _give_up(self):
        if self.phase == "ringing":
            await self.reject("no_answer")

    async def _on_confirm(self, sender, _message):
        if sender != self.peer or self.phase != "accepting":
            return
        await self.start_talking()
        if self.offers and not self.link:
            await self.make_offer()

    async def _on_cancel(self, sender, message):
        if sender != self.peer or self.phase == "talking":
            return
        by = Address(**message["by"]) if message.get("by") else None
        if by == self.client.you and self.phase == "accepting":
            await self._on_confirm(sender, message)
        else:
            await self.end(message["reason"], by)


class Outgoing(Call):
    """We ring somebody, and are the arbiter of it."""

    def __init__(self, client, users, media, seconds):
        super().__init__(client, secrets.token_hex(16), media, client.early, "calling")
        self.users = users
        self.rings_s = seconds
        self.ringing = set()
        self.refused = {}
        self._invites = set()
        self.later(seconds + BACKSTOP_S, self._give_up)

    async def invite(self):
        """Rings every user."""
        for user in self.users:
            name = await self.say(
                "invite", user, kind="single", media=self.media, callees=self.users,
                remaining_ms=self.rings_s * 1000, agent=AGENT, early=self.early,
            )
            self._invites.add(name)

    async def cancel(self, reason="cancelled", by=None):
        """Stops the ringing everywhere."""
        for user in self.users:
            await self.say("cancel", user, reason=reason, **({"by": by._asdict()} if by else {}))

    async def hangup(self):
        """Ends it, or gives it up while it rings."""
        if self.phase == "talking":
            await super().hangup()
        else:
            await self.cancel()
            await self.end("cancelled")

    def is_party(self, sender):
        return sender == self.peer if self.peer else sender in self.ringing

    async def hear_result(self, result):
        """The hub tells what became of a message; an invite that it does not pass on ends the call."""
        if self.phase == "calling" and result.get("re") in self._invites and result["code"] not in ("ok", "queued"):
            await self.end("offline")

    async def _give_up(self):
        if self.phase == "calling":
            await self.cancel("no_answer")
            await self.end("no_answer" if self.ringing else "offline")

    async def _on_ringing(self, sender, _message):
        if sender.user not in self.users:
            return
        if self.phase == "calling":
            self.ringing.add(sender)
        elif sender != self.peer:
            await self._tell_late(sender)

    async def _on_accept(self, sender, _message):
        if sender.user not in self.users:
            return
        if self.phase == "calling":
            self.peer = sender
            await self.say("confirm", sender)
            await self.cancel("answered_elsewhere", sender)
            await self.start_talking()
        elif sender == self.peer:
            await self.say("confirm", sender)
        else:
            await self._tell_late(sender)

    async def _on_reject(self, sender, message):
        if sender.user not in self.users or self.phase != "calling":
            return
        self.ringing.discard(sender)
        if message["reason"] == "busy":
            self.later(BUSY_WAIT_S, lambda: self._refuse(sender.user, "busy"))
        else:
            await self._refuse(sender.user, message["reason"])

    async def _refuse(self, user, reason):
        if reason == "busy" and any(device.user == user for device in self.ringing):
            return
        if reason == "rejected":
            await self.say("cancel", user, reason="rejected_elsewhere")
        self.refused[user] = reason
        if len(self.refused) == len(self.users):
            await self.cancel("cancelled")
            await self.end(min(self.refused.values(), key=lambda why: KINDNESS.index(why) if why in KINDNESS else len(KINDNESS)))

    async def _tell_late(self, sender):
        await self.say("cancel", sender, reason="answered_elsewhere", by=self.peer._asdict())
