'use strict';
// Every way a command can end, with every kind of feedback a sender can ask for:
// what Microsoft's service SDK is told. HUBFILE TRANSPORT DEVICE

const assert = require('assert/strict');
const { promisify } = require('util');
const { Message } = require('azure-iot-common');
const { judge, Inbox } = require('./checks');
const hub = require('./hub');

const [deviceID] = hub.rest;
const device = hub.device(deviceID);
const service = hub.service();
const feedback = new Inbox();
const deliveries = new Map();

const acks = ['none', 'positive', 'negative', 'full'];
const told = { completed: 'Success', rejected: 'Rejected', abandoned: 'DeliveryCountExceeded', expired: 'Expired', purged: 'Purged' };
const wanted = (ack, end) =>
  ack === 'full' || (ack === 'positive' && end === 'completed') || (ack === 'negative' && end !== 'completed');

async function send(id, ack, expiry) {
  const message = new Message('{}');
  message.messageId = id;
  message.ack = ack;
  if (expiry) message.expiryTimeUtc = expiry;
  await service.send(deviceID, message);
}

// each sends a message for every kind of feedback, which is to end like this.
async function each(end, expiry) {
  for (const ack of acks) await send(`${ack} ${end}`, ack, expiry);
}

// heard reads feedback until there is some about each of ids. The hub makes it in
// order: what is asked for last comes last.
async function heard(...ids) {
  const got = {};
  while (ids.some((id) => !(id in got))) {
    for (const record of await feedback.next()) {
      assert.equal(record.deviceId, deviceID);
      assert.ok(!(record.originalMessageId in got), `told twice of ${record.originalMessageId}`);
      got[record.originalMessageId] = record.statusCode;
    }
  }
  return got;
}

// expected are the records about all that ended so, and about the last one.
function expected(ends, last, end) {
  const all = ends.flatMap((end) => acks.filter((ack) => wanted(ack, end)).map((ack) => [`${ack} ${end}`, told[end]]));
  return Object.fromEntries([...all, [last, told[end]]]);
}

async function purge() {
  const path = `/devices/${deviceID}/commands?api-version=2021-04-12`;
  const call = promisify(service._restApiClient.executeApiCall).bind(service._restApiClient);
  const { totalMessagesPurged } = await call('DELETE', path, null, null);
  return totalMessagesPurged;
}

judge([
  ['the service connects', async () => {
    await service.open();
    const receiver = await promisify(service.getFeedbackReceiver).call(service);
    receiver.on('message', (message) => {
      receiver.complete(message, () => feedback.put(JSON.parse(message.data.toString())));
    });
  }],
  ['of what is purged it is told as it asked', async () => {
    await each('purged');
    await send('last', 'full');
    assert.equal(await purge(), acks.length + 1);
    assert.deepEqual(await heard('last'), expected(['purged'], 'last', 'purged'));
  }],
  ['of what expires it is told as it asked', async () => {
    const expiry = Date.now() + 1000; // ms since the epoch: a Date is more than the SDK can send
    await each('expired', expiry);
    await send('last', 'full', expiry + 500);
    assert.deepEqual(await heard('last'), expected(['expired'], 'last', 'expired'));
  }],
  ['of what is completed, rejected, abandoned until the hub gives up, likewise', async () => {
    device.on('message', (message) => {
      const [, end] = message.messageId.split(' ');
      const settle = { rejected: 'reject', abandoned: 'abandon' }[end] ?? 'complete';
      device[settle](message).catch((error) => { throw error; });
      deliveries.set(message.messageId, (deliveries.get(message.messageId) ?? 0) + 1);
    });
    await device.open();
    for (const end of ['completed', 'rejected', 'abandoned']) await each(end);
    // Abandoned ones die in their own time: the last one is sent behind their death.
    const got = await heard(...acks.filter((ack) => wanted(ack, 'abandoned')).map((ack) => `${ack} abandoned`));
    await send('last', 'full');
    assert.deepEqual({ ...got, ...await heard('last') }, expected(['completed', 'rejected', 'abandoned'], 'last', 'completed'));
  }],
  ['an abandoned one came ten times', () => {
    for (const ack of acks) assert.equal(deliveries.get(`${ack} abandoned`), 10);
  }],
  ['device and service close', async () => {
    await device.close();
    await service.close();
  }],
]);
