"""A capture of plain TCP, made of what was said."""

import struct

PORT = 5672
DECODE_AS = ['-d', 'tcp.port==%d,amqp' % PORT]


def packet(client, port, sequence, acknowledged, payload):
    """One packet: pseudo Ethernet, IPv4 and TCP without checksums."""
    ends = (port, PORT) if client else (PORT, port)
    tcp = struct.pack('>HHIIBBHHH', *ends, sequence, acknowledged, 5 << 4, 0x18, 65535, 0, 0)
    address = (b'\x0a\x00\x00\x01', b'\x0a\x00\x00\x02')
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0)
    ip += address[0] + address[1] if client else address[1] + address[0]
    return b'\x02' * 12 + b'\x08\x00' + ip + tcp + payload


def write(path, connections):
    """Writes connections, lists of (from client, bytes), as a plain TCP capture. Returns the number of packets."""
    packets = 0
    with open(path, 'wb') as f:
        f.write(struct.pack('<IHHiIII', 0xa1b2c3d4, 2, 4, 0, 0, 1 << 18, 1))
        for n, pieces in enumerate(connections):
            sent = {True: 1, False: 1}
            for client, data in pieces:
                for at in range(0, len(data), 32768):
                    part = data[at:at + 32768]
                    p = packet(client, 20000 + n, sent[client], sent[not client], part)
                    f.write(struct.pack('<IIII', n, 0, len(p), len(p)) + p)
                    sent[client] += len(part)
                    packets += 1
    return packets
