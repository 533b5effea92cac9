"""WebSocket (RFC 6455): the bytes that its messages carry."""

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
DATA = CONTINUATION, BINARY


class Stream:
    """One direction of a connection."""

    def __init__(self):
        self.rest, self.open, self.opcodes = b'', False, []

    def feed(self, data):
        """Returns the bytes that data completes."""
        self.rest += data
        if not self.open:
            head, found, behind = self.rest.partition(b'\r\n\r\n')
            if not found:
                return b''
            self.open, self.rest = True, behind
        carried = b''
        while True:
            frame = self.frame()
            if frame is None:
                return carried
            opcode, payload = frame
            self.opcodes.append(opcode)
            if opcode in DATA:
                carried += payload

    def frame(self):
        """Takes the next whole frame: opcode and payload without its mask; None when there is none."""
        buffer, at = self.rest, 2
        if len(buffer) < at:
            return None
        size = buffer[1] & 0x7f
        if size >= 126:
            wide = 2 if size == 126 else 8
            if len(buffer) < at + wide:
                return None
            size, at = int.from_bytes(buffer[at:at + wide], 'big'), at + wide
        mask = b''
        if buffer[1] & 0x80:
            mask, at = buffer[at:at + 4], at + 4
        if len(buffer) < at + size:
            return None
        payload, self.rest = buffer[at:at + size], buffer[at + size:]
        if mask:
            key = int.from_bytes((mask * (size // 4 + 1))[:size], 'big')
            payload = (int.from_bytes(payload, 'big') ^ key).to_bytes(size, 'big')
        return buffer[0] & 0x0f, payload


def unpack(conversation):
    """Returns what a conversation carries, (from client, bytes), and the opcode of every frame."""
    streams = {True: Stream(), False: Stream()}
    carried = [(client, streams[client].feed(data)) for client, data in conversation]
    if any(s.rest for s in streams.values()):
        print('note: a connection ends inside a WebSocket frame')
    return [(client, data) for client, data in carried if data], streams[True].opcodes + streams[False].opcodes
