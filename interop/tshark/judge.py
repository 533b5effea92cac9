"""Lets tshark, which shares nothing with fieldpost, read what went over the wire.

    judge.py [--damage] [--unused PERFORMATIVE] CAPTURE KEYLOG PORT

1. Decodes the TLS capture with the key log: every performative that a session
   uses must be there, but for those the peers never use, and nothing malformed.
   No message may take several transfers: tshark does not join them, and would
   call the parts malformed.
2. With --damage: writes the decrypted bytes into a plain TCP capture, one frame per packet,
   and decodes that: the same performatives, nothing malformed. This shows that
   the copy is true.
3. With --damage: damages one frame of the copy at a time, one of each performative: tshark
   must report that very packet. This shows that step 1 could have failed.

Prints "plan N" and then one line per check, "ok" or "FAILED", and exits with 1
if any failed.
"""

import argparse
import collections
import os
import re
import struct
import subprocess
import sys
import tempfile

PERFORMATIVES = {16: 'open', 17: 'begin', 18: 'attach', 19: 'flow', 20: 'transfer', 21: 'disposition',
                 22: 'detach', 23: 'end', 24: 'close'}
SASL = {64: 'sasl-mechanisms', 65: 'sasl-init', 66: 'sasl-challenge', 67: 'sasl-response', 68: 'sasl-outcome'}
USED = list(PERFORMATIVES.values()) + ['sasl-mechanisms', 'sasl-init', 'sasl-outcome']
ERROR = str(0x00800000)  # tshark's severity for what cannot be decoded but does not run over the end
PLAIN_PORT = 5672


def tshark(*arguments):
    done = subprocess.run(['tshark', '-n', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit('tshark: ' + done.stderr.strip())
    return done.stdout


def decode(capture, options):
    """Returns how often each performative occurs, and the packets that are malformed."""
    counts, malformed = collections.Counter(), []
    out = tshark('-r', capture, *options, '-T', 'fields', '-E', 'occurrence=a', '-E', 'separator=;',
                 '-e', 'frame.number', '-e', 'amqp.performative', '-e', 'amqp.sasl.method',
                 '-e', '_ws.malformed', '-e', '_ws.expert.severity', '-Y', 'amqp')
    for line in out.splitlines():
        number, performatives, sasl, bad, severities = line.split(';')
        counts.update(PERFORMATIVES.get(int(n), n) for n in performatives.split(',') if n)
        counts.update(SASL.get(int(n), n) for n in sasl.split(',') if n)
        if bad or ERROR in severities.split(','):
            malformed.append(int(number))
    return counts, malformed


def conversations(capture, options):
    """Yields each connection's bytes as a list of (from client, bytes), in order."""
    streams = sorted({int(s) for s in tshark('-r', capture, *options, '-Y', 'amqp', '-T', 'fields',
                                             '-e', 'tcp.stream').split()})
    for stream in streams:
        out = tshark('-r', capture, *options, '-q', '-z', 'follow,tls,raw,%d' % stream)
        lines = [line for line in out.splitlines() if re.fullmatch(r'\t?[0-9a-f]+', line)]
        yield [(not line.startswith('\t'), bytes.fromhex(line.strip())) for line in lines]


def frames(conversation):
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


def packet(client, port, sequence, acknowledged, payload):
    """One packet: pseudo Ethernet, IPv4 and TCP without checksums."""
    ends = (port, PLAIN_PORT) if client else (PLAIN_PORT, port)
    tcp = struct.pack('>HHIIBBHHH', *ends, sequence, acknowledged, 5 << 4, 0x18, 65535, 0, 0)
    address = (b'\x0a\x00\x00\x01', b'\x0a\x00\x00\x02')
    ip = struct.pack('>BBHHHBBH', 0x45, 0, 40 + len(payload), 0, 0, 64, 6, 0)
    ip += address[0] + address[1] if client else address[1] + address[0]
    return b'\x02' * 12 + b'\x08\x00' + ip + tcp + payload


def write_plain(path, connections):
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


def damage(frame):
    """Loses the last three bytes; the frame's own length agrees, its content cannot."""
    return struct.pack('>I', len(frame) - 3) + frame[4:-3]


class Judgement:
    failed = False

    def __init__(self, checks):
        print('plan', checks)

    def check(self, good, text):
        self.failed = self.failed or not good
        print('ok' if good else 'FAILED', text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--damage', action='store_true')
    parser.add_argument('--unused', action='append', default=[], choices=USED)
    for name in 'capture', 'keylog', 'port':
        parser.add_argument(name)
    given = parser.parse_args()
    capture, port = given.capture, given.port
    used = [name for name in USED if name not in given.unused]
    tls = ['-o', 'tls.keylog_file:' + given.keylog, '-o', 'amqp.tls.port:' + port, '-d', 'tcp.port==%s,tls' % port]
    judge = Judgement(len(used) + 1 + (2 + len(used) if given.damage else 0))

    counts, malformed = decode(capture, tls)
    for name in used:
        judge.check(counts[name] > 0, '%-16s %d' % (name, counts[name]))
    judge.check(not malformed, 'malformed packets in the TLS capture: %d' % len(malformed))
    if given.damage:
        judge_damage(judge, capture, port, tls, counts, used)
    sys.exit(judge.failed)


def judge_damage(judge, capture, port, tls, counts, used):
    """Steps 2 and 3."""
    connections = [list(frames(c)) for c in conversations(capture, tls)]
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, 'plain.pcap')
        plain = ['-d', 'tcp.port==%d,amqp' % PLAIN_PORT]
        write_plain(path, connections)
        copied, malformed = decode(path, plain)
        judge.check(copied == counts, 'the plain copy has the same performatives: %d' % sum(copied.values()))
        judge.check(not malformed, 'malformed packets in the plain copy: %d' % len(malformed))

        for name in used:
            n, i = next(((n, i) for n, c in enumerate(connections) for i, (_, frame) in enumerate(c)
                         if performative(frame) == name), (None, None))
            if n is None:
                judge.check(False, 'no %s to damage' % name)
                continue
            client, frame = connections[n][i]
            last = write_plain(path, [connections[n][:i] + [(client, damage(frame))]])
            _, malformed = decode(path, plain)
            judge.check(malformed == [last], 'a damaged %-15s in packet %d is reported: %s' % (name, last, malformed))


if __name__ == '__main__':
    main()
