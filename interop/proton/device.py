"""A device sends telemetry and settles commands of a service, both on Qpid Proton.

    device.py HUBFILE CAFILE DEVICE plain|cbs

With cbs the device logs in as anonymous and gives its token on $cbs.
"""

import json

from proton import Message, symbol
from proton.utils import SendException

import hub
from checks import equal, judge

device_id, login = hub.arguments
open_ = {}  # what is connected, by name
COMMANDS = '/devices/%s/messages/devicebound' % device_id


def connects():
    """the device connects"""
    if login == 'plain':
        open_['device'] = hub.connect_device(device_id)
        return
    open_['device'] = hub.connect(allowed_mechs='ANONYMOUS')
    hub.put_token(open_['device'], *hub.device_token(device_id))


def sends_telemetry():
    """it sends three messages, all are accepted"""
    sender = open_['device'].create_sender('/devices/%s/messages/events' % device_id)
    for n in range(3):
        # send fails unless the outcome is accepted
        sender.send(Message(id='proton-%s-%d' % (login, n), body=b'{"n":%d}' % n, inferred=True,
                            content_type='application/json', properties={'sensor': 'air'}))
    sender.close()


def service_connects():
    """the service connects with SASL PLAIN"""
    open_['service'] = hub.connect_service()
    open_['commands'] = open_['service'].create_sender('/messages/devicebound')
    open_['devicebound'] = open_['device'].create_receiver(COMMANDS, credit=10)
    open_['feedback'] = open_['service'].create_receiver('/messages/serviceBound/feedback', credit=1)


def command(what):
    open_['commands'].send(Message(id='%s-%s' % (what, login), address=COMMANDS, body=what.encode(), inferred=True,
                                   properties={'iothub-ack': 'full'}))
    return receive(what)


def receive(what):
    message = open_['devicebound'].receive()
    equal(message.id, '%s-%s' % (what, login))
    equal(bytes(message.body), what.encode())
    return message


def completes():
    """a command arrives and is completed"""
    message = command('complete')
    equal(message.address.lower(), COMMANDS)
    open_['devicebound'].accept()


def rejects():
    """another is rejected"""
    command('reject')
    open_['devicebound'].reject()


def releases():
    """one that is released comes again, its delivery count one higher"""
    count = symbol('iothub-deliverycount')
    before = command('release').annotations[count]
    open_['devicebound'].release(delivered=False)
    equal(receive('release').annotations[count], before + 1)
    open_['devicebound'].accept()
    open_['devicebound'].close()  # an outcome leaves with the next thing that is waited for


def reads_feedback():
    """the service reads feedback: Success, Rejected, Success"""
    told = {}
    while len(told) < 3:
        message = open_['feedback'].receive()
        open_['feedback'].accept()
        equal(message.content_type, 'application/vnd.microsoft.iothub.feedback.json')
        for record in json.loads(bytes(message.body)):
            told[record['originalMessageId']] = record['statusCode']
    equal(told, {'complete-' + login: 'Success', 'reject-' + login: 'Rejected', 'release-' + login: 'Success'})


def unknown_device_is_refused():
    """a command to an unknown device is refused"""
    try:
        open_['commands'].send(Message(address='/devices/nobody/messages/devicebound', body=b'', inferred=True))
    except SendException:
        return
    raise AssertionError('accepted')


def closes():
    """device and service close"""
    open_['device'].close()
    open_['service'].close()


judge(connects, sends_telemetry, service_connects, completes, rejects, releases,
      reads_feedback, unknown_device_is_refused, closes)
