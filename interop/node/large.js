'use strict';
// Messages of many transfers, below and above what the hub takes.
// HUBFILE TRANSPORT DEVICE

const assert = require('assert/strict');
const crypto = require('crypto');
const { Message } = require('azure-iot-device');
const { judge, refused } = require('./checks');
const hub = require('./hub');
const { arrived } = require('./read');

const device = hub.device(hub.rest[0]);
const message = new Message(crypto.randomBytes(200 << 10));
message.messageId = `large ${crypto.randomUUID()}`;

judge([
  ['the device sends 200 KB', async () => {
    await device.open();
    await device.sendEvent(message);
  }],
  ['a message of 257 KB is refused', () =>
    refused(device.sendEvent(new Message(Buffer.alloc(257 << 10))), /MessageTooLargeError/)],
  ['the first is an event, byte for byte', async () => {
    const [event] = await arrived([message.messageId]);
    assert.ok(message.getBytes().equals(event.body));
  }],
  ['the device closes', () => device.close()],
]);
