"""A group call: everybody who accepts is in, each linked with each of the others (docs/protocol.md, section 5, Group calls)."""

import secrets
import time

from call import ACCEPT_EVERY_S, ACCEPT_FOR_S, AGENT, BACKSTOP_S, BUSY_WAIT_S, Address, Call
from roster import SEATS, Roster

LOOK_EVERY_S = 0.25


class Group(Call):
    """One device's part in it, from the ring, the press or the join on. With `makes_links` off it takes a seat and sends nothing."""

    def __init__(self, client, name, media, phase, makes_links=True):
        super().__init__(client, name, media, "off", phase)
        self.makes_links = makes_links
        self.roster = Roster(client.you, AGENT)
        # Whom an `accept`, a `join` or a `reject` goes to.
        self.asked = []
        self._ringing = set()
        self._places = {}
        self._agents = {}
        self._heard_of = {}
        self._invites = {}

    @classmethod
    async def rung(cls, client, sender, message):
        """Somebody rings us for it."""
        call = cls(client, message["call"], message["media"], "ringing", client.makes_links)
        call.asked = [sender]
        call._agents[sender] = message["agent"]
        call.later(message["remaining_ms"] / 1000, lambda: call._decline("no_answer"))
        client.call = call
        await call.repeat(sender)

    @classmethod
    async def started(cls, client, users, media, seconds):
        """We ring these users."""
        call = cls(client, secrets.token_hex(16), media, "talking", client.makes_links)
        call.roster.come_in()
        client.call = call
        await call._invite(users, seconds)
        await call._keep_telling()
        return call

    @classmethod
    async def joining(cls, client, name, media, members):
        """It runs without us: asks its members."""
        call = cls(client, name, media, "joining", client.makes_links)
        call.asked = list(members)
        client.call = call
        await call._insist(time.monotonic() + ACCEPT_FOR_S)
        return call

    def link_with(self, device):
        """The newest link with a member, or nothing."""
        return (self.links.get(device) or [None])[-1]

    def is_party(self, sender):
        return self.phase == "talking" and self.makes_links and sender in self.roster.others()

    async def add(self, *users, seconds=30):
        """Rings more users."""
        async with self.client.turn:
            await self._invite(users, seconds)
            await self._tell_all()

    async def mute(self, is_mute):
        """Sends no sound, or sends it again."""
        async with self.client.turn:
            for device in self.roster.others():
                if link := self.link_with(device):
                    link.mute(is_mute)
                await self.say("media", device, audio=not is_mute, video=self.media == "video", group=True)

    async def repeat(self, sender):
        """The invite came, or came again, perhaps from another member."""
        if sender not in self.asked:
            self.asked.append(sender)
        if self.phase == "ringing":
            await self.say("ringing", sender, agent=AGENT, early="off", link=0)
        elif self.phase == "accepting":
            await self.say("accept", sender, agent=AGENT)

    async def accept(self):
        """Picks up. It counts once a member lets us in."""
        async with self.client.turn:
            if self.phase == "ringing":
                self.phase = "accepting"
                await self._insist(time.monotonic() + ACCEPT_FOR_S)

    async def reject(self):
        """Declines."""
        async with self.client.turn:
            await self._decline("rejected")

    async def hear_result(self, result):
        """Whose invite the hub has not passed on will not come."""
        user = self._invites.get(result.get("re"))
        if user and result["code"] not in ("ok", "queued"):
            await self._will_not_come(user, "offline")

    async def _hang_up(self):
        if self.phase in ("ringing", "accepting", "joining"):
            await self._decline("rejected" if self.phase == "ringing" else "hangup")
        else:
            await self._leave("hangup")

    async def _decline(self, reason):
        if self.phase in ("ringing", "accepting"):
            for device in self._all_asked():
                await self.say("reject", device, reason=reason)
        if self.phase != "talking":
            await self.end(reason, declined=True)

    async def _insist(self, until):
        if self.phase not in ("accepting", "joining"):
            return
        if time.monotonic() < until:
            for device in self._all_asked():
                await self.say("accept" if self.phase == "accepting" else "join", device, agent=AGENT)
            self.later(ACCEPT_EVERY_S, lambda: self._insist(until))
        else:
            await self.end("network_lost")

    def _all_asked(self):
        """Who may let us in: the inviter, and every other member that a roster has named."""
        return [*self.asked, *(self.roster.named() - set(self.asked))]

    # What lets us in.

    async def _on_confirm(self, sender, _message):
        if self.phase in ("accepting", "joining") and sender in self._all_asked() and sender in self.roster.members():
            self.phase = "talking"
            self.roster.come_in()
            for device in self.roster.named():
                await self._tell(device)
            await self._settle()
            await self._keep_telling()

    async def _on_cancel(self, sender, message):
        if self.phase == "talking" or sender not in self._all_asked():
            return
        by = Address(**message["by"]) if message.get("by") else None
        if by == self.client.you:
            return await self._on_confirm(sender, message)
        if self.phase == "joining" and sender in self.asked and len(self.asked) > 1:
            # Another member may still let us in.
            return self.asked.remove(sender)
        await self.end(message["reason"], by)

    # Who wants to come in.

    async def _on_ringing(self, sender, message):
        if sender.user in self._invited():
            self._ringing.add(sender)
            self._agents[sender] = message["agent"]

    async def _on_accept(self, sender, message):
        if self.phase != "talking":
            return
        self._agents[sender] = message["agent"]
        members = self.roster.members()
        twin = next((device for device in members - {sender} if device.user == sender.user), None)
        if sender.user not in self.roster.users():
            await self.say("cancel", sender, reason="rejected")
        elif twin:
            await self.say("cancel", sender, reason="answered_elsewhere", by=twin._asdict())
        elif sender not in members and len(members) >= SEATS:
            await self.say("cancel", sender, reason="too_many")
        else:
            await self._tell(sender)
            await self.say("confirm", sender)

    _on_join = _on_accept

    async def _on_reject(self, sender, message):
        self._ringing.discard(sender)
        user, reason = sender.user, message["reason"]
        if reason == "rejected":
            await self._will_not_come(user, reason)
            await self.say("cancel", user, reason="rejected_elsewhere")
        elif reason == "no_answer":
            await self._unless_another_rings(user, reason)
        else:
            self.later(BUSY_WAIT_S, lambda: self._unless_another_rings(user, reason))

    async def _unless_another_rings(self, user, reason):
        if not any(device.user == user for device in self._ringing):
            await self._will_not_come(user, reason)

    async def _will_not_come(self, user, reason):
        if self.phase == "talking" and user in self._invited():
            invited = [{**one, "ended": reason} if one["user"] == user else one for one in self.roster.own["invited"]]
            self.roster.write(invited=invited)
            await self._tell_all()
            await self._settle()

    async def _invite(self, users, seconds):
        invited = [*self.roster.own.get("invited", []), *({"user": user, "ring_s": seconds} for user in users)]
        self.roster.write(invited=invited)
        for user in users:
            name = await self.say(
                "invite", user, kind="group", media=self.media, callees=list(users),
                remaining_ms=seconds * 1000, agent=AGENT, early="off",
            )
            self._invites[name] = user
        self.later(seconds + BACKSTOP_S, lambda: self._stop_ringing(users))

    async def _stop_ringing(self, users):
        for user in [user for user in users if user in self._invited()]:
            await self.say("cancel", user, reason="no_answer")
            await self._will_not_come(user, "no_answer")

    def _invited(self):
        """Users whom we ring, and who neither came nor will."""
        came = {device.user for device in self.roster.entries}
        own = (self.roster.own or {}).get("invited", [])
        return {one["user"] for one in own if "ended" not in one} - came

    # What the others say.

    async def _on_roster(self, sender, message):
        if sender not in self.asked and sender.user not in self.roster.users():
            return
        new, ask = self.roster.hear(sender, message["entries"], time.monotonic())
        if self.phase != "talking":
            return
        if new:
            await self._tell_all()
        elif self.roster.lacks(sender):
            await self._tell(sender)
        for device in ask - (self.roster.others() if new else set()):
            await self._tell(device)
        await self._settle()

    async def _on_hangup(self, sender, message):
        if self.phase == "talking" and self.roster.hang_up(sender, message["reason"]):
            await self._tell_all()
            await self._settle()
        elif sender in self.asked:
            await self.end(message["reason"])
        else:
            await self._on_reject(sender, message)

    async def _settle(self):
        """Links follow the roster, and who is too many or alone goes."""
        if why := self.roster.crowded_out():
            return await self._leave(why)
        others = self.roster.others()
        for device in [device for device in self._places if self.roster.entries[device]["place"] != self._places[device] or device not in others]:
            del self._places[device]
            await self.close_links(device)
        for device in others - self._places.keys():
            await self._meet(device)
        if not others and not self._somebody_rings():
            left = [entry["left"] for entry in self.roster.entries.values() if "left" in entry]
            await self._leave(left[-1] if left else "no_answer")

    async def _meet(self, device):
        entry = self.roster.entries[device]
        self._places[device] = entry["place"]
        self._ringing.discard(device)
        if device.user in {one["user"] for one in self.roster.own.get("invited", [])}:
            await self.say("cancel", device.user, reason="answered_elsewhere", by=device._asdict())
        if not self.makes_links:
            return
        # A panel offers to a browser, as which this client logs in; otherwise the smaller address offers.
        if entry["agent"] == AGENT and self.client.you < device:
            await self.make_offer(device)
        await self.say("media", device, audio=True, video=self.media == "video", group=True)

    def _somebody_rings(self):
        now = time.monotonic()
        came = {device.user for device in self.roster.entries}
        for device, entry in self.roster.entries.items():
            for one in entry.get("invited", []):
                since = self._heard_of.setdefault((device, one["user"]), now)
                if "ended" not in one and one["user"] not in came and now < since + one["ring_s"] + BACKSTOP_S:
                    return True
        return False

    async def _leave(self, reason):
        others = self.roster.others()
        self.roster.write(left=reason)
        for device in [*others, *self._ringing]:
            await self._tell(device)
        if not others:
            for user in self.roster.users() - {self.client.you.user}:
                await self.say("cancel", user, reason="cancelled")
        await self.end(reason)

    async def _tell(self, device, first=True):
        self.roster.told(device, time.monotonic(), first)
        await self.say("roster", device, entries=self.roster.tell(device))

    async def _tell_all(self):
        for device in self.roster.others():
            await self._tell(device)

    async def _keep_telling(self):
        """Looks after what time does: members that were told and lack something, rumours nobody denied, rings that end."""
        if self.phase != "talking":
            return
        now = time.monotonic()
        for device in self.roster.due(now):
            await self._tell(device, first=False)
        if self.roster.believe(now):
            await self._tell_all()
        await self._settle()
        if self.phase == "talking":
            self.later(LOOK_EVERY_S, self._keep_telling)
