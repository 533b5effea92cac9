"""AMQP frames: cutting a stream of bytes into them, and joining the transfers of one delivery."""

import struct

PERFORMATIVES = {16: 'open', 17: 'begin', 18: 'attach', 19: 'flow', 20: 'transfer', 21: 'disposition',
                 22: 'detach', 23: 'end', 24: 'close'}
SASL = {64: 'sasl-mechanisms', 65: 'sasl-init', 66: 'sasl-challenge', 67: 'sasl-response', 68: 'sasl-outcome'}
MORE = 5  # the place of this field in a transfer


def cut(conversation):
    """Cuts a conversation into protocol headers and frames, each (from client, bytes)."""
    rest = {True: b'', False: b''}
    for client, data in conversation:
        rest[client] += data
        while len(rest[client]) >= 8:
            buffer = rest[client]
            size = 8 if buffer[:4] == b'AMQP' else struct.unpack('>I', buffer[:4])[0]
            if len(buffer) < size:
                break
            yield client, buffer[:size]
            rest[client] = buffer[size:]
    if any(rest.values()):
        print('note: a connection ends inside a frame')


def performative(frame):
    """The name of a frame's performative, or None for a header or an empty frame."""
    if frame[:4] == b'AMQP' or len(frame) == 8:
        return None
    body = frame[4 * frame[4]:]
    if body[:2] != b'\x00\x53':
        return None
    return (PERFORMATIVES if frame[5] == 0 else SASL).get(body[2])


def damage(frame):
    """Loses the last three bytes; the frame's own length agrees, its content cannot."""
    return sized(frame[:-3])


def sized(frame):
    return struct.pack('>I', len(frame)) + frame[4:]


def end_of(data, at):
    """Where the value that begins at a place ends."""
    code = data[at]
    if code == 0:  # described
        return end_of(data, end_of(data, at + 1))
    fixed = {4: 0, 5: 1, 6: 2, 7: 4, 8: 8, 9: 16}.get(code >> 4)
    if fixed is not None:
        return at + 1 + fixed
    if code >> 4 in (0xA, 0xC, 0xE):
        return at + 2 + data[at + 1]
    return at + 5 + struct.unpack('>I', data[at + 1:at + 5])[0]


class Transfer:
    """A transfer frame, taken apart."""

    def __init__(self, frame):
        begin = 4 * frame[4]
        self.end = end_of(frame, begin)
        self.head, self.payload = frame[:self.end], frame[self.end:]
        at = begin + 3  # behind the descriptor
        narrow = frame[at] == 0xC0
        count = frame[at + 2] if narrow else struct.unpack('>I', frame[at + 5:at + 9])[0]
        at += 3 if narrow else 9
        self.fields = []  # where each begins
        for _ in range(count):
            self.fields.append(at)
            at = end_of(frame, at)
        self.link = frame[6:8], frame[self.fields[0]:end_of(frame, self.fields[0])]  # channel and handle

    def more(self):
        """Where the field is true, or None."""
        if len(self.fields) <= MORE:
            return None
        at = self.fields[MORE]
        return at if self.head[at] == 0x41 or self.head[at:at + 2] == b'\x56\x01' else None

    def last(self):
        """The performative, saying that no more comes."""
        at = self.more()
        if at is None:
            return self.head
        if self.head[at] == 0x41:
            return self.head[:at] + b'\x42' + self.head[at + 1:]
        return self.head[:at + 1] + b'\x00' + self.head[at + 2:]


def join(frames):
    """Puts the payload of every delivery of several transfers into the first of them. The others stay without any.

    Returns the frames, and the places of those joined.
    """
    joined, places, begun = [], [], {}  # begun: by direction, channel and handle, the place of the first and the parts
    for client, frame in frames:
        if performative(frame) != 'transfer':
            joined.append((client, frame))
            continue
        transfer = Transfer(frame)
        key = client, transfer.link
        if key in begun:
            place, first, payload = begun[key]
            payload.append(transfer.payload)
            joined.append((client, sized(transfer.head)))
        else:
            place, first, payload = len(joined), transfer, [transfer.payload]
            joined.append((client, frame))
        if transfer.more() is not None:
            begun[key] = place, first, payload
        elif key in begun:
            joined[place] = client, sized(first.last() + b''.join(payload))
            places.append(place)
            del begun[key]
    if begun:
        print('note: a connection ends inside a delivery')
    return joined, places
