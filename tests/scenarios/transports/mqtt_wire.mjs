// A wire between one party and a broker: every MQTT 5 packet passes, unless a scenario delays or alters the envelope in it.

import { once } from 'node:events';
import { connect, createServer } from 'node:net';

import { Wire } from './wire.mjs';

const PUBLISH = 3;
/** The longest a remaining length can be (MQTT 5, 1.5.5). */
const LENGTH_BYTES = 4;

/** A TCP server that hands everything on to a broker. */
export class MqttWire extends Wire {
  #target;

  /** Opens one on a free port; `target` is the broker's port. */
  static async open(target) {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new MqttWire(server, target);
  }

  constructor(server, target) {
    super(server, (socket) => socket.destroy());
    this.#target = target;
  }

  join(near) {
    const far = connect({ port: this.#target, host: '127.0.0.1', noDelay: true });
    this.#pass(near, far, 'out');
    this.#pass(far, near, 'in');
  }

  /** One way of one connection: strictly in order, so that a delayed packet holds back those behind it. */
  #pass(from, to, way) {
    this.tie(from, to);
    let last = Promise.resolve();
    let rest = Buffer.alloc(0);
    from.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (let size = packetSize(rest); size && rest.length >= size; size = packetSize(rest)) {
        const packet = rest.subarray(0, size);
        rest = rest.subarray(size);
        last = last.then(async () => to.write(await this.#edited(packet, way)));
        last.catch(() => from.destroy());
      }
    });
  }

  async #edited(packet, way) {
    if (packet[0] >> 4 !== PUBLISH || !this.editor) return packet;
    const { head, payload } = publish(packet);
    // An empty one takes a retained message back.
    if (!payload.length) return packet;
    const envelope = JSON.parse(payload.toString());
    await this.editor(envelope, way);
    const body = Buffer.concat([head, Buffer.from(JSON.stringify(envelope))]);
    return Buffer.concat([packet.subarray(0, 1), length(body.length), body]);
  }
}

/** How many bytes the packet at the beginning of these has, as soon as they tell. */
function packetSize(bytes) {
  const read = variable(bytes, 1);
  return read && 1 + read.bytes + read.value;
}

/** A variable byte integer (MQTT 5, 1.5.5), or nothing when it is not all there. */
function variable(bytes, at) {
  let value = 0;
  for (let index = 0; index < LENGTH_BYTES && at + index < bytes.length; index += 1) {
    value += (bytes[at + index] & 0x7f) << (7 * index);
    if (!(bytes[at + index] & 0x80)) return { value, bytes: index + 1 };
  }
  return null;
}

/** A number as a variable byte integer. */
function length(value) {
  const bytes = [];
  let rest = value;
  do {
    bytes.push((rest % 128) | (rest >= 128 ? 0x80 : 0));
    rest = Math.floor(rest / 128);
  } while (rest);
  return Buffer.from(bytes);
}

/** What stands before the payload (topic, packet id, properties), and the payload (MQTT 5, 3.3). */
function publish(packet) {
  const body = packet.subarray(1 + variable(packet, 1).bytes);
  const quality = (packet[0] >> 1) & 3;
  let at = 2 + body.readUInt16BE(0) + (quality ? 2 : 0);
  const properties = variable(body, at);
  at += properties.bytes + properties.value;
  return { head: body.subarray(0, at), payload: body.subarray(at) };
}
