'use strict';
// Microsoft's Event Hubs SDK on the hub's events: runtime metrics, a producer,
// and every position from which to read. HUBFILE TRANSPORT

const assert = require('assert/strict');
const { EventHubConsumerClient, EventHubProducerClient, earliestEventPosition, latestEventPosition } = require('@azure/event-hubs');
const { judge, refused, Inbox } = require('./checks');
const hub = require('./hub');
const { first } = require('./read');

const producer = new EventHubProducerClient(...hub.events());
const consumer = new EventHubConsumerClient('$Default', ...hub.events());
const bodies = (events) => events.map((event) => event.body);
let partition;
let all;

judge([
  ['it learns the ids of the four partitions', async () => {
    assert.deepEqual(await consumer.getPartitionIds(), ['0', '1', '2', '3']);
    const { name, createdOn, partitionIds } = await producer.getEventHubProperties();
    assert.equal(name, 'fieldpost');
    assert.ok(createdOn instanceof Date);
    assert.equal(partitionIds.length, 4);
  }],
  ['an empty partition says so', async () => {
    const told = await Promise.all((await consumer.getPartitionIds()).map((id) => consumer.getPartitionProperties(id)));
    partition = told.find((p) => p.isEmpty).partitionId;
  }],
  ['the producer sends a batch to one partition', async () => {
    const batch = await producer.createBatch({ partitionId: partition });
    for (let n = 0; n < 5; n++) assert.ok(batch.tryAdd({ body: { n }, messageId: `m${n}`, properties: { parity: n % 2 } }));
    await producer.sendBatch(batch);
  }],
  ['from the start it reads all five', async () => {
    all = await first(consumer, partition, earliestEventPosition, 5);
    assert.deepEqual(bodies(all), [0, 1, 2, 3, 4].map((n) => ({ n })));
    assert.deepEqual(all.map((e) => e.messageId), ['m0', 'm1', 'm2', 'm3', 'm4']);
    assert.deepEqual(all[3].properties, { parity: 1 });
  }],
  ['sequence numbers rise by one, offsets rise', async () => {
    for (let n = 1; n < all.length; n++) {
      assert.equal(all[n].sequenceNumber, all[n - 1].sequenceNumber + 1);
      assert.ok(Number(all[n].offset) > Number(all[n - 1].offset));
    }
  }],
  ['the partition tells its last event', async () => {
    const told = await consumer.getPartitionProperties(partition);
    assert.equal(told.isEmpty, false);
    assert.equal(told.beginningSequenceNumber, all[0].sequenceNumber);
    assert.equal(told.lastEnqueuedSequenceNumber, all[4].sequenceNumber);
    assert.equal(String(told.lastEnqueuedOffset), String(all[4].offset));
    assert.equal(told.lastEnqueuedOnUtc.getTime(), all[4].enqueuedTimeUtc.getTime());
  }],
  ['behind a sequence number', async () => {
    const [got] = await first(consumer, partition, { sequenceNumber: all[2].sequenceNumber });
    assert.deepEqual(got.body, { n: 3 });
  }],
  ['from a sequence number', async () => {
    const [got] = await first(consumer, partition, { sequenceNumber: all[2].sequenceNumber, isInclusive: true });
    assert.deepEqual(got.body, { n: 2 });
  }],
  ['behind an offset', async () => {
    const [got] = await first(consumer, partition, { offset: all[1].offset });
    assert.deepEqual(got.body, { n: 2 });
  }],
  ['from an offset', async () => {
    const [got] = await first(consumer, partition, { offset: all[1].offset, isInclusive: true });
    assert.deepEqual(got.body, { n: 1 });
  }],
  ['from a time', async () => {
    const [got] = await first(consumer, partition, { enqueuedOn: all[0].enqueuedTimeUtc.getTime() - 1 });
    assert.deepEqual(got.body, { n: 0 });
  }],
  ['from the latest it reads only what comes later', async () => {
    // The reader says nothing when its link stands, so events are sent until
    // one is read: none of them may be an old one.
    let read;
    const reading = first(consumer, partition, latestEventPosition).then((events) => { read = events; });
    for (let n = 0; !read; n++) {
      await producer.sendBatch([{ body: { late: n } }], { partitionId: partition });
      await Promise.race([reading, new Promise((ok) => setTimeout(ok, 200))]);
    }
    assert.equal(typeof read[0].body.late, 'number');
  }],
  ['events with one key share a partition and keep the key', async () => {
    const batch = await producer.createBatch({ partitionKey: 'pump 7' });
    assert.ok(batch.tryAdd({ body: 'a' }) && batch.tryAdd({ body: 'b' }));
    await producer.sendBatch(batch);
    for (const id of await consumer.getPartitionIds()) {
      const { lastEnqueuedSequenceNumber: last } = await consumer.getPartitionProperties(id);
      const events = last < 0 ? [] : await first(consumer, id, earliestEventPosition, last + 1);
      const ours = events.filter((e) => e.partitionKey === 'pump 7');
      if (ours.length > 0) return assert.deepEqual(bodies(ours), ['a', 'b']);
    }
    return assert.fail('no partition has them');
  }],
  ['a reader with a higher owner level takes the partition over', async () => {
    const told = new Inbox();
    const reading = consumer.subscribe(partition, {
      processEvents: async (batch) => batch.forEach(() => told.put('an event')),
      processError: async (error) => told.put(error.code),
    }, { startPosition: earliestEventPosition, ownerLevel: 1 });
    assert.equal(await told.next(), 'an event');
    const heir = new EventHubConsumerClient('$Default', ...hub.events());
    await first(heir, partition, earliestEventPosition, 1, { ownerLevel: 2 });
    let last;
    do last = await told.next(); while (last === 'an event');
    assert.equal(last, 'ReceiverDisconnectedError');
    await reading.close();
    await heir.close();
  }],
  ['a partition that is not there is refused', async () => {
    await refused(first(consumer, '9', earliestEventPosition), /partition/);
    await refused(producer.sendBatch([{ body: 'x' }], { partitionId: '9' }), /partition/);
  }],
  ['a consumer group that is not there is refused', async () => {
    const nobody = new EventHubConsumerClient('nobody', ...hub.events());
    await refused(first(nobody, partition, earliestEventPosition), /MessagingEntityNotFoundError/);
    await nobody.close();
  }],
  ['producer and consumer close', async () => {
    await producer.close();
    await consumer.close();
  }],
]);
