'use strict';
// What a judge knows of the hub, in the shapes the SDKs want:
//
//   node JUDGE.js HUBFILE TRANSPORT ...
//
// HUBFILE is the line that hub serve --json printed, TRANSPORT amqp or ws. Node
// trusts the hub through NODE_EXTRA_CA_CERTS.

const fs = require('fs');
const https = require('https');

const [hubFile, transport, ...rest] = process.argv.slice(2);
const said = JSON.parse(fs.readFileSync(hubFile, 'utf8'));

// The device and service SDKs add port 443 to the host name themselves.
const reached = (text) => (transport === 'ws' ? text.replace(/(HostName=[^:;]*):\d+/, '$1') : text);

const field = (name, text = said.service) =>
  text.split(';').find((part) => part.startsWith(`${name}=`)).slice(name.length + 1);
const hostname = field('HostName').replace(/:\d+$/, '');
const port = Number(said.listen.split(':').pop());

function device(id) {
  const { Client } = require('azure-iot-device');
  const { Amqp, AmqpWs } = require('azure-iot-device-amqp');
  return Client.fromConnectionString(reached(said.devices[id]), transport === 'ws' ? AmqpWs : Amqp);
}

// deviceLogin is for a client without an SDK.
function deviceLogin(id) {
  return { hostname, port, key: field('SharedAccessKey', said.devices[id]) };
}

function service() {
  const { Client, AmqpWs } = require('azure-iothub');
  const client = Client.fromConnectionString(reached(said.service), transport === 'ws' ? AmqpWs : undefined);
  throughDoor(client);
  return client;
}

function registry() {
  const { Registry } = require('azure-iothub');
  const registry = Registry.fromConnectionString(said.service.replace(/(HostName=[^:;]*):\d+/, '$1'));
  throughDoor(registry);
  return registry;
}

// throughDoor sends the HTTPS requests of an SDK, which all go to port 443, to
// the port of the hub's door.
function throughDoor(client) {
  const [host, doorPort] = said.rest.split(':');
  const agent = new https.Agent();
  const dial = agent.createConnection;
  agent.createConnection = (options, done) =>
    dial.call(agent, { ...options, host, port: Number(doorPort), servername: hostname }, done);
  client._restApiClient.setOptions({ http: { agent } });
}

// events are the arguments of an Event Hubs client behind its consumer group.
function events() {
  const key = field('SharedAccessKey');
  const policy = field('SharedAccessKeyName');
  return [
    `Endpoint=sb://${hostname}/;SharedAccessKeyName=${policy};SharedAccessKey=${key};EntityPath=fieldpost`,
    {
      customEndpointAddress: `sb://${hostname}:${port}`,
      retryOptions: { maxRetries: 0, timeoutInMs: 20000 },
      ...(transport === 'ws' ? { webSocketOptions: { webSocket: require('ws') } } : {}),
    },
  ];
}

module.exports = { transport, rest, device, service, registry, events, deviceLogin };
