"""Tickets (docs/protocol.md, section 2)."""

import base64
import hashlib
import hmac
import json
import time
import zlib


def make(app, key, user, seconds):
    """A UserSig v2 for this user, from now on."""
    now = int(time.time())
    lines = f"TLS.identifier:{user}\nTLS.sdkappid:{app}\nTLS.time:{now}\nTLS.expire:{seconds}\n"
    signature = hmac.new(key.encode(), lines.encode(), hashlib.sha256).digest()
    claims = {
        "TLS.ver": "2.0",
        "TLS.identifier": user,
        "TLS.sdkappid": app,
        "TLS.time": now,
        "TLS.expire": seconds,
        "TLS.sig": base64.b64encode(signature).decode(),
    }
    packed = base64.b64encode(zlib.compress(json.dumps(claims).encode())).decode()
    return packed.translate(str.maketrans("+/=", "*-_"))
