"""A Callbox client that knows docs/protocol.md and nothing else. It leaves out what a short test cannot need: it does not
come back when its socket is gone, does not watch for media silence, and offers no second link where it is the one to offer."""

import asyncio
import contextlib
import json
import secrets
import time
from collections import OrderedDict, deque
from typing import NamedTuple

import websockets

from call import AGENT, Incoming, Outgoing, Outcome
from group import Group
from roster import Address

VERSION = 1
LOGIN_S = 10
REMEMBERED = 200


class Gear(NamedTuple):
    """What the test camera and the test microphone carry."""

    name: str
    hz: int


class Refused(Exception):
    """The hub has said `bye`."""

    def __init__(self, bye):
        super().__init__(f"{bye['reason']} {bye.get('code', '')}: {bye.get('text', '')}")
        self.reason, self.code = bye["reason"], bye.get("code")


class Client:
    """One login, in at most one call."""

    def __init__(self, address, app, you, ticket, gear=Gear("client", 1000), early="connect", makes_links=True):
        self.address, self.app, self.you, self.ticket = address, app, you, ticket
        self.gear, self.early, self.makes_links = gear, early, makes_links
        self.ice_servers = []
        self.results = deque(maxlen=REMEMBERED)
        self.call = None
        # One thing at a time happens to a call: a message, a press, or a timer.
        self.turn = asyncio.Lock()
        self._over = OrderedDict()
        self._seen = OrderedDict()
        self._reading = None
        # A later invite of the device that rings us, and when it came.
        self._next = None

    async def __aenter__(self):
        self.socket = await websockets.connect(self.address, proxy=None)
        await self.send("login", app=self.app, **self.you._asdict(), ticket=self.ticket, agent=AGENT)
        first = json.loads(await asyncio.wait_for(self.socket.recv(), LOGIN_S))
        if first["type"] == "bye":
            await self.socket.close()
            raise Refused(first)
        self._on_welcome(first)
        self._reading = asyncio.create_task(self._read())
        return self

    def endings(self):
        """Why the calls that are over have ended."""
        return [outcome.reason for outcome in self._over.values()]

    async def __aexit__(self, *_):
        self._next = None
        async with self.turn:
            if self.call:
                await self.call.end("network_lost")
        await self.socket.close()
        await self._reading

    async def send(self, kind, /, **fields):
        """Sends one message and returns its id."""
        name = secrets.token_hex(16)
        await self.socket.send(json.dumps({"v": VERSION, "id": name, "type": kind, **fields}))
        return name

    async def ring(self, *users, **wishes):
        """Calls somebody: the first to accept wins."""
        async with self.turn:
            return await self.begin(Outgoing(self, list(users), **wishes))

    async def ring_group(self, *users, media="audio", seconds=30):
        """Calls somebody: everybody who accepts is in."""
        async with self.turn:
            return await Group.started(self, users, media, seconds)

    async def join(self, name, *members, media="audio"):
        """Asks members of a group call to let us in."""
        async with self.turn:
            return await Group.joining(self, name, media, members)

    async def begin(self, call):
        """The same for who has the turn already."""
        self.call = call
        await call.invite()
        return call

    def remember(self, name, outcome):
        """A call is over."""
        self._over[name] = outcome
        while len(self._over) > REMEMBERED:
            self._over.popitem(last=False)

    async def ring_next(self, ended):
        """A call has ended: an invite that waited for this rings with the time that is left."""
        if self.call is not ended:
            return
        self.call, waiting, self._next = None, self._next, None
        if waiting is None:
            return
        sender, message, until = waiting
        message["remaining_ms"] = int((until - time.monotonic()) * 1000)
        if message["remaining_ms"] > 0:
            await self._on_invite(sender, message)

    async def _read(self):
        with contextlib.suppress(websockets.ConnectionClosed):
            async for frame in self.socket:
                message = json.loads(frame)
                async with self.turn:
                    if "from" not in message:
                        await self._hear_hub(message)
                    elif self._is_new(message):
                        await self.hear_peer(Address(**message["from"]), message)

    def _is_new(self, message):
        key = (message["from"]["user"], message["from"]["device"], message["id"])
        if key in self._seen:
            return False
        self._seen[key] = True
        while len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return True

    async def _hear_hub(self, message):
        if message["type"] == "welcome":
            self._on_welcome(message)
        elif message["type"] == "bye":
            raise Refused(message)
        elif message["type"] == "result":
            self.results.append(message)
            if isinstance(self.call, (Outgoing, Group)):
                await self.call.hear_result(message)

    def _on_welcome(self, message):
        self.ice_servers = message["ice_servers"]

    async def hear_peer(self, sender, message):
        """Hears a message that comes from another device, and is no duplicate."""
        name = message.get("call")
        if message["v"] != VERSION:
            await self._refuse_version(sender, message)
        elif message["type"] == "invite":
            await self._on_invite(sender, message)
        elif self.call and self.call.name == name:
            await self.call.take(sender, message)
        elif name:
            await self._answer_late(sender, message)

    async def _on_invite(self, sender, message):
        name = message["call"]
        if sender.user == self.you.user or self.you.user not in message["callees"]:
            return
        if self.call and self.call.name == name:
            if isinstance(self.call, Group):
                await self.call.repeat(sender)
            elif isinstance(self.call, Incoming) and sender == self.call.peer:
                await self.call.repeat()
        elif outcome := self._over.get(name):
            if outcome.declined:
                await self._reply(sender, "reject", name, outcome.reason)
        elif self.call:
            await self._on_second_invite(sender, message)
        elif message["kind"] == "group":
            await Group.rung(self, sender, message)
        else:
            self.call = Incoming(self, sender, message)
            await self.call.ring()

    async def _on_second_invite(self, sender, message):
        own, name = self.call, message["call"]
        if isinstance(own, Incoming) and own.phase == "ringing" and sender == own.peer:
            self._next = sender, message, time.monotonic() + message["remaining_ms"] / 1000
            await own.ring()
        elif not (isinstance(own, Outgoing) and own.phase == "calling" and sender.user in own.users):
            await self._decline(sender, name, "busy")
        elif own.name < name:
            self.remember(name, Outcome("answered_elsewhere", self.you))
        else:
            await own.cancel("answered_elsewhere", sender)
            await own.end("answered_elsewhere", sender)
            self.call = Incoming(self, sender, message)
            await self.call.pick_up()

    async def _decline(self, sender, name, reason):
        await self._reply(sender, "reject", name, reason)
        self.remember(name, Outcome(reason, declined=True))

    async def _answer_late(self, sender, message):
        kind, name = message["type"], message["call"]
        outcome = self._over.get(name)
        if outcome is None and kind == "cancel":
            self.remember(name, Outcome(message["reason"]))
            return
        reason = outcome.reason if outcome else "network_lost"
        if kind in ("ringing", "accept", "join"):
            by = {"by": outcome.by._asdict()} if outcome and outcome.by else {}
            await self._reply(sender, "cancel", name, reason, **by)
        elif kind in ("confirm", "offer", "media", "roster"):
            await self._reply(sender, "hangup", name, reason)

    async def _refuse_version(self, sender, message):
        if message["type"] == "invite":
            await self._reply(sender, "reject", message["call"], "unsupported_version")
        elif message["type"] != "result":
            await self.send("result", to=sender._asdict(), re=message["id"], code="unsupported_version")

    async def _reply(self, sender, kind, name, reason, **fields):
        await self.send(kind, to=sender._asdict(), call=name, reason=reason, **fields)
