'use strict';
// Reading events with Microsoft's Event Hubs SDK.

const { EventHubConsumerClient, earliestEventPosition } = require('@azure/event-hubs');
const hub = require('./hub');

// first returns the first n events of a partition behind a position.
function first(client, partition, startPosition, n = 1, options = {}) {
  return new Promise((ok, no) => {
    const events = [];
    const reading = client.subscribe(partition, {
      processEvents: async (batch) => {
        events.push(...batch);
        if (events.length < n) return;
        await reading.close();
        ok(events.slice(0, n));
      },
      processError: async (error) => {
        await reading.close();
        no(error);
      },
    }, { startPosition, ...options });
  });
}

// arrived waits for the events with these message ids in any partition and
// returns them in the order of their arrival.
async function arrived(ids) {
  const client = new EventHubConsumerClient('$Default', ...hub.events());
  const partitions = await client.getPartitionIds();
  const events = [];
  await new Promise((ok, no) => {
    // One reading for each: a reading of all takes them on one by one, with pauses.
    for (const partition of partitions) {
      client.subscribe(partition, {
        processEvents: async (batch) => {
          events.push(...batch.filter((event) => ids.includes(event.messageId)));
          if (events.length >= ids.length) ok();
        },
        processError: async (error) => no(error),
      }, { startPosition: earliestEventPosition });
    }
  });
  await client.close();
  return events;
}

module.exports = { first, arrived };
