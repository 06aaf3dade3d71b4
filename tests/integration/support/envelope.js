// SPDX-License-Identifier: MIT
// The envelope in which a hub publishes to a broker that carries only payloads, from its description and not from the
// hub's code: 0xFF "wsh", version, flags, length of the fields, fields of tag, length and value, then the payload.
export const MAGIC = Buffer.from('\xffwsh', 'latin1');
export const TAG = { sender: 1, sender_user: 2, exclude: 3, epoch: 4, offset: 5 };

function field(tag, value) {
  const bytes = Buffer.from(value);
  const head = Buffer.alloc(3);
  head[0] = tag;
  head.writeUInt16BE(bytes.length, 1);
  return Buffer.concat([head, bytes]);
}

// `fields`: { sender: 'x', 77: 'a tag of the future' }. version, flags and length may be made wrong.
export function envelopeWrite(payload, fields = {}, { version = 1, flags = 0, length } = {}) {
  const body = Buffer.concat(Object.entries(fields).map(([name, value]) => field(TAG[name] ?? Number(name), value)));
  const size = Buffer.alloc(2);
  size.writeUInt16BE(length ?? body.length);
  return Buffer.concat([MAGIC, Buffer.from([version, flags]), size, body, Buffer.from(payload)]);
}

// { fields: { sender: '...' }, payload }, or undefined for bytes that are none.
export function envelopeRead(bytes) {
  if (!bytes.subarray(0, 4).equals(MAGIC)) return undefined;
  if (bytes[4] !== 1 || bytes[5] !== 0) throw new Error(`version ${bytes[4]}, flags ${bytes[5]}`);
  const end = 8 + bytes.readUInt16BE(6);
  const fields = {};
  let at = 8;
  while (at < end) {
    const name = Object.keys(TAG).find((key) => TAG[key] === bytes[at]) ?? bytes[at];
    const size = bytes.readUInt16BE(at + 1);
    fields[name] = bytes.subarray(at + 3, at + 3 + size).toString('latin1');
    at += 3 + size;
  }
  if (at !== end || end > bytes.length) throw new Error(`fields end at ${at}, announced ${end}, of ${bytes.length}`);
  return { fields, payload: bytes.subarray(end) };
}
