'use strict';
// Microsoft's device SDK for Node: so many messages, 64 at a time. TASK

const fs = require('fs');
const { Client, Message } = require('azure-iot-device');
const { Amqp } = require('azure-iot-device-amqp');

const { Connection, Count } = JSON.parse(process.argv[2]);
const body = `{"x":"${'x'.repeat(192)}"}`;

function reading(n) {
  const message = new Message(body);
  message.messageId = `a102030405060708-7-2-${n + 1}`;
  message.contentType = 'application/json';
  message.contentEncoding = 'utf-8';
  message.properties.add('sensor', 'boiler');
  message.properties.add('seq', `${n + 1}`);
  message.properties.add('iothub-creation-time-utc', new Date().toISOString());
  return message;
}

async function main() {
  const device = Client.fromConnectionString(Connection, Amqp);
  await device.open();
  const cpu = process.cpuUsage();
  const began = process.hrtime.bigint();
  let next = 0;
  await Promise.all(Array.from({ length: 64 }, async () => {
    while (next < Count) await device.sendEvent(reading(next++));
  }));
  const seconds = Number(process.hrtime.bigint() - began) / 1e9;
  const { user, system } = process.cpuUsage(cpu);
  // Not resourceUsage().maxRSS: exec hands on what the parent had.
  const peak = Number(/^VmHWM:\s*(\d+)/m.exec(fs.readFileSync('/proc/self/status', 'utf8'))[1]) * 1024;
  await device.close();
  process.stdout.write(JSON.stringify({ Seconds: seconds, CPU: (user + system) / 1e6, Peak: peak }));
}

main().then(() => process.exit(0), (error) => { console.error(error); process.exit(1); });
