// Makes tickets with the official npm library: one JSON request a line in, one token a line out.
"use strict";
const { Api } = require("tls-sig-api-v2");
const clock = Date.now;

function make({ app, key, user, expire, now, room, bits }) {
  Date.now = now === undefined ? clock : () => now * 1000;
  const api = new Api(app, key);
  if (bits === undefined) return api.genUserSig(user, expire);
  if (typeof room === "number") return api.genPrivateMapKey(user, expire, room, bits);
  return api.genPrivateMapKeyWithStringRoomID(user, expire, room, bits);
}

require("readline")
  .createInterface({ input: process.stdin })
  .on("line", (line) => console.log(make(JSON.parse(line))));
