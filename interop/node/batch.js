'use strict';
// A batch of telemetry. The device SDK sends none over AMQP ("does not support
// batching yet"), so its AMQP library alone does, with the SDK's tokens over SASL
// PLAIN. HUBFILE TRANSPORT DEVICE

const assert = require('assert/strict');
const crypto = require('crypto');
const rhea = require('rhea');
const { SharedAccessSignature } = require('azure-iot-common');
const { judge } = require('./checks');
const hub = require('./hub');
const { arrived } = require('./read');

const batchFormat = 0x80013700;
const [deviceID] = hub.rest;
const ids = Array.from({ length: 3 }, () => crypto.randomUUID());
const container = rhea.create_container();
const { hostname, port, key } = hub.deviceLogin(deviceID);
let connection;
let sender;

const once = (emitter, name, failures) => new Promise((ok, no) => {
  emitter.once(name, ok);
  for (const failure of failures) emitter.once(failure, (context) => no(new Error(`${failure}: ${context[context.type?.split('_')[0]]?.error ?? context.error ?? ''}`)));
});

judge([
  ['the device connects with SASL PLAIN', async () => {
    const resource = `${hostname}/devices/${deviceID}`;
    const token = SharedAccessSignature.create(resource, undefined, key, Math.floor(Date.now() / 1000) + 3600).toString();
    connection = container.connect({
      transport: 'tls', host: hostname, hostname, port, servername: hostname, reconnect: false,
      username: `${deviceID}@sas.${hostname.split('.')[0]}`, password: token,
    });
    await once(connection, 'connection_open', ['connection_error', 'disconnected']);
    sender = connection.open_sender({ target: `/devices/${deviceID}/messages/events` });
    await once(sender, 'sendable', ['sender_error']);
  }],
  ['a batch of three has one outcome, accepted', async () => {
    const inner = ids.map((message_id, n) => rhea.message.encode({ message_id, body: rhea.message.data_section(Buffer.from(`${n}`)) }));
    sender.send(rhea.message.encode({ body: rhea.message.data_sections(inner) }), undefined, batchFormat);
    await once(sender, 'accepted', ['rejected', 'released', 'modified', 'sender_error']);
  }],
  ['it is three events, in order', async () => {
    const events = await arrived(ids);
    assert.deepEqual(events.map((e) => e.messageId), ids);
    assert.deepEqual(events.map((e) => e.body), [0, 1, 2]);
  }],
  ['the device closes', async () => {
    connection.close();
    await once(connection, 'connection_close', ['connection_error']);
  }],
]);
