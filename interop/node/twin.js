'use strict';
// The twin, from the device SDK over AMQP and from the service SDK over HTTPS.
// HUBFILE TRANSPORT DEVICE

const assert = require('assert/strict');
const { promisify } = require('util');
const { judge, refused, Inbox } = require('./checks');
const hub = require('./hub');

const [deviceID] = hub.rest;
const device = hub.device(deviceID);
const registry = hub.registry();
const desired = new Inbox();
let twin;
let seen;

const report = (patch) => promisify(twin.properties.reported.update).call(twin.properties.reported, patch);

judge([
  ['the service sets a desired property before the device is there', async () => {
    seen = (await registry.getTwin(deviceID)).responseBody;
    seen = (await registry.updateTwin(deviceID, { tags: { site: 'north' }, properties: { desired: { interval: 30 } } }, seen.etag)).responseBody;
    assert.equal(seen.properties.desired.interval, 30);
    assert.equal(seen.tags.site, 'north');
  }],
  ['the device gets the twin', async () => {
    await device.open();
    twin = await device.getTwin();
    assert.equal(twin.properties.desired.interval, 30);
    assert.equal(twin.properties.desired.$version, seen.properties.desired.$version);
    twin.on('properties.desired', (delta) => desired.put(delta));
    await desired.next(); // the SDK tells its own state first
  }],
  ['it reports', async () => {
    await report({ firmware: '1.0', radio: { channel: 4 } });
    await report({ radio: { channel: null, power: 2 } });
  }],
  ['the service sees what it reported', async () => {
    const { reported } = (await registry.getTwin(deviceID)).responseBody.properties;
    assert.equal(reported.firmware, '1.0');
    assert.deepEqual(reported.radio, { power: 2 });
  }],
  ['a key with a dot in it is refused', () => refused(report({ 'a.b': 1 }), /could not update twin reported properties/)],
  ['the device is told of a change, with its version', async () => {
    const { responseBody } = await registry.updateTwin(deviceID, { properties: { desired: { interval: 60, unit: 's' } } }, '*');
    const delta = await desired.next();
    assert.deepEqual(delta, { interval: 60, unit: 's', $version: responseBody.properties.desired.$version });
  }],
  ['it is told of a removal', async () => {
    await registry.updateTwin(deviceID, { properties: { desired: { unit: null } } }, '*');
    assert.equal((await desired.next()).unit, null);
    assert.equal(twin.properties.desired.unit, undefined);
  }],
  ['a stale etag is refused', () =>
    refused(registry.updateTwin(deviceID, { tags: { site: 'south' } }, seen.etag), /InvalidEtagError/)],
  ['the twin of an unknown device is not found', () =>
    refused(registry.getTwin('nobody'), /DeviceNotFoundError/)],
  ['the device closes', () => device.close()],
]);
