'use strict';
// Telemetry of Microsoft's device SDK, read back with their Event Hubs SDK.
// HUBFILE TRANSPORT DEVICE [CERTIFICATE KEY]

const assert = require('assert/strict');
const crypto = require('crypto');
const fs = require('fs');
const { Message } = require('azure-iot-device');
const { judge } = require('./checks');
const hub = require('./hub');
const { arrived } = require('./read');

const [deviceID, certificate, key] = hub.rest;
const device = hub.device(deviceID);
// An id that looks like a UUID would travel as one.
const ids = Array.from({ length: 4 }, () => `reading ${crypto.randomUUID()}`);

function reading(n) {
  const message = new Message(JSON.stringify({ temperature: 20 + n }));
  message.messageId = ids[n];
  message.correlationId = 'round 1';
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('sensor', 'air');
  return message;
}

let events;

judge([
  ['the device connects', async () => {
    if (certificate) {
      await device.setOptions({ cert: fs.readFileSync(certificate, 'utf8'), key: fs.readFileSync(key, 'utf8') });
    }
    await device.open();
  }],
  ['it sends one message', async () => {
    const { constructor } = await device.sendEvent(reading(0));
    assert.equal(constructor.name, 'MessageEnqueued');
  }],
  ['it sends three more at a time', async () => {
    const results = await Promise.all([1, 2, 3].map((n) => device.sendEvent(reading(n))));
    assert.deepEqual(results.map((r) => r.constructor.name), Array(3).fill('MessageEnqueued'));
  }],
  ['it closes', () => device.close()],
  ['all four are events, in order', async () => {
    events = await arrived(ids);
    assert.deepEqual(events.map((e) => e.messageId), ids);
    assert.deepEqual(events.map((e) => e.body), [20, 21, 22, 23].map((temperature) => ({ temperature })));
  }],
  ['their properties arrived', async () => {
    for (const e of events) {
      assert.equal(e.correlationId, 'round 1');
      assert.equal(e.contentType, 'application/json');
      assert.deepEqual(e.properties, { sensor: 'air' });
    }
  }],
  ['the hub stamped each with device, way to authenticate and time', async () => {
    for (const e of events) {
      assert.equal(e.systemProperties['iothub-connection-device-id'], deviceID);
      assert.equal(JSON.parse(e.systemProperties['iothub-connection-auth-method']).type, certificate ? 'x509' : 'sas');
      assert.ok(e.enqueuedTimeUtc instanceof Date);
    }
  }],
]);
