'use strict';
// Commands from Microsoft's service SDK to their device SDK, and the feedback.
// HUBFILE TRANSPORT DEVICE

const assert = require('assert/strict');
const crypto = require('crypto');
const { promisify } = require('util');
const { Message } = require('azure-iot-common');
const { judge, refused, Inbox } = require('./checks');
const hub = require('./hub');

const [deviceID] = hub.rest;
const device = hub.device(deviceID);
const service = hub.service();
const commands = new Inbox();
const feedback = new Inbox();
const ids = Object.fromEntries(['complete', 'reject', 'abandon'].map((what) => [what, crypto.randomUUID()]));
const statuses = new Map();

async function command(what, ack = 'full') {
  const message = new Message(JSON.stringify({ what }));
  message.messageId = ids[what];
  message.ack = ack;
  message.properties.add('command', what);
  await service.send(deviceID, message);
  const got = await commands.next();
  assert.equal(got.messageId, ids[what]);
  return got;
}

judge([
  ['device and service connect', async () => {
    device.on('message', (message) => commands.put(message));
    await device.open();
    await service.open();
    const receiver = await promisify(service.getFeedbackReceiver).call(service);
    receiver.on('message', (message) => {
      receiver.complete(message, () => feedback.put(JSON.parse(message.data.toString())));
    });
  }],
  ['a command arrives with its properties, the device completes it', async () => {
    const got = await command('complete');
    assert.equal(got.data.toString(), '{"what":"complete"}');
    assert.deepEqual(got.properties.propertyList.find((p) => p.key === 'command'), { key: 'command', value: 'complete' });
    await device.complete(got);
  }],
  ['it rejects another', async () => device.reject(await command('reject'))],
  ['one it abandons comes again', async () => {
    await device.abandon(await command('abandon'));
    const again = await commands.next();
    assert.equal(again.messageId, ids.abandon);
    await device.complete(again);
  }],
  ['the service reads feedback of all three', async () => {
    while (statuses.size < 3) {
      for (const record of await feedback.next()) {
        assert.equal(record.deviceId, deviceID);
        statuses.set(record.originalMessageId, record.statusCode);
      }
    }
  }],
  ['Success, Rejected, Success it says', async () => {
    const told = Object.fromEntries(Object.keys(ids).map((what) => [what, statuses.get(ids[what])]));
    assert.deepEqual(told, { complete: 'Success', reject: 'Rejected', abandon: 'Success' });
  }],
  ['a command to an unknown device is refused', async () => {
    await refused(service.send('nobody', new Message('x')), /DeviceNotFoundError/);
  }],
  ['device and service close', async () => {
    await device.close();
    await service.close();
  }],
]);
