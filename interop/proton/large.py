"""A device sends messages of many transfers, below and above what the hub takes, on Qpid Proton.

    large.py HUBFILE CAFILE DEVICE
"""

from proton import Message
from proton.utils import SendException

import hub
from checks import judge

(device_id,) = hub.arguments
connection = hub.connect_device(device_id)
sender = connection.create_sender('/devices/%s/messages/events' % device_id)


def send(size):
    sender.send(Message(body=b'x' * size, inferred=True))


def below():
    """a message of 200 KB is accepted"""
    send(200 << 10)


def above():
    """a message of 257 KB is rejected"""
    try:
        send(257 << 10)
    except SendException:
        return
    raise AssertionError('accepted')


def closes():
    """the device closes"""
    connection.close()


judge(below, above, closes)
