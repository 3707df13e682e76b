"""What a device knows of the others in a group call, and how it merges what they say (docs/protocol.md, section 5, Group calls)."""

from typing import NamedTuple

SEATS = 6
MOST_ENTRIES = 32
# A number that is further ahead of the known one than this is made up.
MOST_AHEAD = 1000
SILENT_S = 5
# A member that has not shown that it knows what we know is told again after these waits.
TELL_AGAIN_S = [1, 2, 4, 8, 16]


class Address(NamedTuple):
    """One login of a user."""

    user: str
    device: str


def author(entry):
    """The device that wrote an entry."""
    return Address(**entry["device"])


class Roster:
    """The entries of one call, ours among them. Pure: time is an argument."""

    def __init__(self, you, agent):
        self.you, self.agent = you, agent
        self.entries = {}
        # Devices that have said their entry themselves.
        self.heard = set()
        self._floor = 0
        self._rumours = {}
        self._shown = {}
        self._again = {}

    @property
    def own(self):
        """Our entry, or nothing before we came in."""
        return self.entries.get(self.you)

    def write(self, **fields):
        """Writes our entry anew; a field that is `None` goes."""
        entry = {**(self.own or {"device": self.you._asdict(), "agent": self.agent}), **fields}
        entry["number"] = self._floor = max(self._floor, (self.own or {}).get("number", 0)) + 1
        self.entries[self.you] = {key: value for key, value in entry.items() if value is not None}

    def come_in(self):
        """Writes our entry with the next place."""
        everybody = [*self.entries.values(), *(entry for entry, _ in self._rumours.values())]
        self.write(place=max((entry["place"] for entry in everybody), default=0) + 1, left=None)

    def members(self):
        """Who is in, ourselves included: each has said so itself."""
        return {device for device, entry in self.entries.items() if "left" not in entry and device in {self.you, *self.heard}}

    def others(self):
        """The members besides us."""
        return self.members() - {self.you}

    def named(self):
        """Every device that is in by anybody's word, besides us."""
        everybody = [*self.entries.values(), *(entry for entry, _ in self._rumours.values())]
        return {author(entry) for entry in everybody if "left" not in entry} - {self.you}

    def users(self):
        """Who may come in: users of entries, and whom these invited."""
        everybody = [*self.entries.values(), *(entry for entry, _ in self._rumours.values())]
        return {author(entry).user for entry in everybody} | {one["user"] for entry in everybody for one in entry.get("invited", [])}

    def hear(self, sender, entries, now):
        """Merges what a device said. Returns whether something is new, and the devices to ask."""
        said = {author(entry): entry for entry in entries}
        self._shown[sender] = {device: entry["number"] for device, entry in said.items()}
        new = sender in said and self._fact(sender, said.pop(sender))
        if sender not in self.members():
            return new, set()
        ask = set()
        for device, entry in said.items():
            if device == self.you:
                new |= self._about_us(entry)
            elif self._is_ahead(device, entry):
                if "left" in entry and device not in self.entries and device not in self._rumours:
                    self.entries[device] = entry
                    new = True
                elif entry["number"] > self._rumours.get(device, ({"number": 0}, 0))[0]["number"]:
                    self._rumours[device] = entry, now
                    ask.add(device)
        return new, ask

    def hang_up(self, device, reason):
        """A member has left without its roster. Returns whether it was in."""
        if device not in self.others():
            return False
        entry = self.entries[device]
        self.entries[device] = {**entry, "number": entry["number"] + 1, "left": reason}
        return True

    def tell(self, device):
        """What is sent to a device."""
        told = [self.own] if self.own else []
        for other, entry in self.entries.items():
            if other == device:
                entry = self._rumours.get(device, (entry, 0))[0] if device in self.heard else None
            if entry and other != self.you:
                told.append(entry)
        return sorted(told, key=lambda entry: (author(entry) != self.you, "left" in entry))[:MOST_ENTRIES]

    def lacks(self, device):
        """Whether a device has not shown that it knows what we know."""
        shown = self._shown.get(device, {})
        return any(entry["number"] > shown.get(author(entry), 0) for entry in self.tell(device) if author(entry) != device)

    def told(self, device, now, first=True):
        """A device was told: the first time, or again."""
        turn = 0 if first else self._again.get(device, (0, 0))[0] + 1
        self._again[device] = turn, now

    def due(self, now):
        """The members that are to be told again."""
        late = set()
        for device in self.others():
            turn, at = self._again.get(device, (0, now))
            if turn < len(TELL_AGAIN_S) and now >= at + TELL_AGAIN_S[turn] and self.lacks(device):
                late.add(device)
        return late

    def believe(self, now):
        """Counts rumours of devices that stay silent. Returns whether there were any."""
        ripe = [device for device, (_, since) in self._rumours.items() if now >= since + SILENT_S]
        for device in ripe:
            self.entries[device] = self._rumours.pop(device)[0]
        return bool(ripe)

    def crowded_out(self):
        """Why we are the one that has to go, or nothing."""
        order = sorted(self.members(), key=lambda device: (self.entries[device]["place"], device))
        if self.you not in order:
            return None
        place = order.index(self.you)
        if any(device.user == self.you.user for device in order[:place]):
            return "answered_elsewhere"
        return "too_many" if place >= SEATS else None

    def _fact(self, sender, entry):
        rumour = self._rumours.get(sender)
        if rumour and rumour[0]["number"] <= entry["number"]:
            del self._rumours[sender]
        known = self.entries.get(sender)
        new = sender not in self.heard or known is None or entry["number"] > known["number"]
        if known is None or entry["number"] > known["number"]:
            self.entries[sender] = entry
        self.heard.add(sender)
        return new

    def _about_us(self, entry):
        known = self.own["number"] if self.own else self._floor
        if not known < entry["number"] <= known + MOST_AHEAD:
            return False
        self._floor = entry["number"]
        if self.own:
            self.write()
        return self.own is not None

    def _is_ahead(self, device, entry):
        known = self.entries.get(device, {"number": 0})["number"]
        return known < entry["number"] <= known + MOST_AHEAD
