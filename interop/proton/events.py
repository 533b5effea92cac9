"""The service follows the redirect by hand and reads what device.py sent, on Qpid Proton.

    events.py HUBFILE CAFILE DEVICE plain|cbs

The last argument is the one device.py had.
"""

import re

from proton import Described, Message, symbol, ulong
from proton.reactor import Filter
from proton.utils import LinkDetached

import hub
from checks import equal, judge

device_id, login = hub.arguments
IDS = ['proton-%s-%d' % (login, n) for n in range(3)]
SELECTOR = symbol('apache.org:selector-filter:string')
FROM_START = "amqp.annotation.x-opt-offset > '-1'"
SEQUENCE, OFFSET = symbol('x-opt-sequence-number'), symbol('x-opt-offset')
DEVICE = symbol('iothub-connection-device-id')
open_ = {}  # what is connected, by name
redirect = {}
found = []  # events of the device, in order
partition_of = {}  # by message id


def selector(text):
    return Filter({SELECTOR: Described(ulong(0x0000468C00000004), text)})


def is_redirected():
    """a reader of the hub is redirected"""
    open_['service'] = hub.connect_service()
    try:
        open_['service'].create_receiver('/messages/events/ConsumerGroups/$Default/Partitions/0', credit=10,
                                         options=selector(FROM_START))
    except LinkDetached as detached:
        equal(detached.condition, 'amqp:link:redirect')
        redirect.update((str(key), value) for key, value in detached.link.remote_condition.info.items())
        return
    raise AssertionError('not redirected')


def tells_where():
    """the redirect names host, port and address"""
    equal(redirect['network-host'], redirect['hostname'])
    equal(int(redirect['port']), hub.port)
    if not re.fullmatch(r'amqps://[^/]+/[^/]+/ConsumerGroups/\$Default/Partitions/0/?', redirect['address']):
        raise AssertionError(redirect['address'])


def entity():
    return redirect['address'].split('/')[3]


def authorized():
    """anonymous there, a token for the entity is taken"""
    open_['events'] = hub.connect(redirect['network-host'], int(redirect['port']), allowed_mechs='ANONYMOUS')
    hub.put_token(open_['events'], *hub.entity_token('sb://%s/%s' % (redirect['hostname'], entity())))


def metrics(kind, **more):
    return hub.request(open_['events'], '$management', Message(properties={
        'operation': 'READ', 'name': entity(), 'type': 'com.microsoft:' + kind, **more})).body


def read(partition, text, n):
    """Returns n events of a partition."""
    receiver = open_['events'].create_receiver('%s/ConsumerGroups/$Default/Partitions/%s' % (entity(), partition),
                                               credit=n, options=selector(text))
    got = []
    while len(got) < n:
        got.append(receiver.receive())
        receiver.accept()
    receiver.close()
    return got


def finds_all():
    """the device's messages are events, in order"""
    for partition in metrics('eventhub')['partition_ids'].elements:
        for event in read(partition, FROM_START, metrics('partition', partition=partition)['last_enqueued_sequence_number'] + 1):
            if event.id in IDS:
                found.append(event)
                partition_of[event.id] = partition
    equal([event.id for event in found], IDS)
    equal(len(set(partition_of.values())), 1)


def are_stamped():
    """with their properties, body and the stamp of the device"""
    for n, event in enumerate(found):
        equal(bytes(event.body), b'{"n":%d}' % n)
        equal(event.content_type, 'application/json')
        equal(event.properties, {'sensor': 'air'})
        equal(event.annotations[DEVICE], device_id)


def filters():
    """from a sequence number, quoted or not, and behind an offset"""
    first, second, third = found
    partition = partition_of[first.id]
    sequence = second.annotations[SEQUENCE]
    for text, expected in (("amqp.annotation.x-opt-sequence-number >= '%d'" % sequence, second),
                           ('amqp.annotation.x-opt-sequence-number > %d' % sequence, third),
                           ("amqp.annotation.x-opt-offset > '%s'" % first.annotations[OFFSET], second)):
        equal(read(partition, text, 1)[0].id, expected.id)


def closes():
    """both connections close"""
    open_['service'].close()
    open_['events'].close()


judge(is_redirected, tells_where, authorized, finds_all, are_stamped, filters, closes)
