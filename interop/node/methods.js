'use strict';
// Direct methods, called with the service SDK over HTTPS, answered by the device
// SDK over AMQP. HUBFILE TRANSPORT DEVICE

const assert = require('assert/strict');
const { judge, refused } = require('./checks');
const hub = require('./hub');

const [deviceID] = hub.rest;
const device = hub.device(deviceID);
const service = hub.service();

async function call(methodName, payload, more = {}) {
  return (await service.invokeDeviceMethod(deviceID, { methodName, payload, responseTimeoutInSeconds: 20, ...more })).result;
}

judge([
  ['a call is refused while the device is away', () =>
    refused(call('echo', 1, { connectTimeoutInSeconds: 0 }), /404103/)],
  ['the device listens', async () => {
    await device.open();
    device.onDeviceMethod('echo', (request, response) => response.send(203, { got: request.payload }, () => {}));
    device.onDeviceMethod('empty', (request, response) => response.send(200, null, () => {}));
    device.onDeviceMethod('silent', () => {});
  }],
  ['it answers with a status and a payload', async () => {
    const { status, payload } = await call('echo', { level: 3, text: 'é' }, { connectTimeoutInSeconds: 20 });
    assert.equal(status, 203);
    assert.deepEqual(payload, { got: { level: 3, text: 'é' } });
  }],
  ['calls at a time get their own answers', async () => {
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => call('echo', n)));
    assert.deepEqual(answers.map((a) => a.payload.got), [1, 2, 3, 4, 5]);
  }],
  ['it answers without a payload', async () => {
    assert.deepEqual(await call('empty', null), { status: 200, payload: null });
  }],
  ['a call without an answer ends after its time', () =>
    refused(call('silent', null, { responseTimeoutInSeconds: 5 }), /504101/)],
  ['a time-out below five seconds is refused', () =>
    refused(call('echo', 1, { responseTimeoutInSeconds: 1 }), /ArgumentError/)],
  ['the device closes', () => device.close()],
]);
