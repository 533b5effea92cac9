"""Lets tshark, which shares nothing with fieldpost, read what went over the wire.

    judge.py [--websocket] [--several-transfers] [--damage] [--unused PERFORMATIVE] CAPTURE KEYLOG PORT

1. Decodes the TLS capture with the key log: every performative that a session
   uses must be there, but for those the peers never use, and nothing malformed.
   tshark does not join a message that took several transfers, and would call the
   parts malformed; it does not read AMQP in WebSocket either. Where a session has
   these, it is judged by step 3.
2. With --websocket: tshark reads HTTP and WebSocket off the TLS capture, nothing
   malformed, and finds as many frames of each kind as were unpacked for step 3.
3. With any of the flags: writes the decrypted bytes into a plain TCP capture, one
   frame per packet, unpacked from WebSocket, the payload of a delivery of several
   transfers joined in its first, which then says that no more comes, and decodes
   that: the same performatives as in the session, nothing malformed.
   --several-transfers wants such deliveries.
4. With --damage: damages one frame of the copy at a time, one of each performative
   and, with --several-transfers, one of the joined: tshark must report that very
   packet. This shows that the steps before could have failed.

Prints "plan N" and then one line per check, "ok" or "FAILED", and exits with 1
if any failed.
"""

import argparse
import collections
import os
import sys
import tempfile

import plain
import websocket
from frames import PERFORMATIVES, cut, damage, join, performative
from wire import conversations, decode, fields

USED = list(PERFORMATIVES.values()) + ['sasl-mechanisms', 'sasl-init', 'sasl-outcome']


class Judgement:
    failed = False

    def __init__(self, checks):
        print('plan', checks)

    def check(self, good, text):
        self.failed = self.failed or not good
        print('ok' if good else 'FAILED', text)


def main():
    parser = argparse.ArgumentParser()
    for flag in 'websocket', 'several-transfers', 'damage':
        parser.add_argument('--' + flag, action='store_true')
    parser.add_argument('--unused', action='append', default=[], choices=USED)
    for name in 'capture', 'keylog', 'port':
        parser.add_argument(name)
    given = parser.parse_args()
    used = [name for name in USED if name not in given.unused]
    by_tls = not given.websocket and not given.several_transfers
    by_copy = not by_tls or given.damage
    judge = Judgement(by_tls * (len(used) + 1) + given.websocket * 2 + by_copy * 2 + (not by_tls) * len(used) +
                      given.several_transfers + given.damage * (len(used) + given.several_transfers))

    tls = ['-o', 'tls.keylog_file:' + given.keylog, '-d', 'tcp.port==%s,tls' % given.port,
           '-d', 'tls.port==%s,%s' % (given.port, 'http' if given.websocket else 'amqp')]
    if by_tls:
        counts, malformed = decode(given.capture, tls)
        judge_performatives(judge, counts, used)
        judge.check(not malformed, 'malformed packets in the TLS capture: %d' % len(malformed))
    if by_copy:
        said = list(conversations(given.capture, tls, 'websocket' if given.websocket else 'amqp'))
        if given.websocket:
            said = judge_websocket(judge, given.capture, tls, said)
        judge_copy(judge, given, [list(cut(c)) for c in said], used)
    sys.exit(judge.failed)


def judge_performatives(judge, counts, used):
    for name in used:
        judge.check(counts[name] > 0, '%-16s %d' % (name, counts[name]))


def judge_websocket(judge, capture, tls, said):
    """Step 2. Returns what was carried."""
    unpacked = [websocket.unpack(c) for c in said]
    ours = collections.Counter(opcode for _, opcodes in unpacked for opcode in opcodes)
    theirs, malformed = collections.Counter(), []
    for number, bad, (opcodes,) in fields(capture, tls, 'websocket', 'websocket.opcode'):
        theirs.update(int(n) for n in opcodes)
        if bad:
            malformed.append(number)
    judge.check(ours == theirs and ours[websocket.BINARY] > 0,
                'WebSocket frames of %d connections, by opcode: %s' % (len(said), dict(theirs)))
    judge.check(not malformed, 'malformed packets of WebSocket: %d' % len(malformed))
    return [carried for carried, _ in unpacked]


def judge_copy(judge, given, connections, used):
    """Steps 3 and 4."""
    counts = collections.Counter(filter(None, (performative(frame) for c in connections for _, frame in c)))
    joined = [join(c) for c in connections]
    several = [(n, place) for n, (_, places) in enumerate(joined) for place in places]
    connections = [frames for frames, _ in joined]
    if given.several_transfers:
        judge.check(bool(several), 'deliveries of several transfers, joined: %d' % len(several))
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, 'plain.pcap')
        plain.write(path, connections)
        copied, malformed = decode(path, plain.DECODE_AS)
        if given.websocket or given.several_transfers:
            judge_performatives(judge, copied, used)
        judge.check(copied == counts, 'the plain copy has the same performatives: %d' % sum(copied.values()))
        judge.check(not malformed, 'malformed packets in the plain copy: %d' % len(malformed))
        if not given.damage:
            return
        for name in used:
            judge_damage(judge, path, connections, name,
                         ((n, i) for n, c in enumerate(connections) for i, (_, frame) in enumerate(c)
                          if performative(frame) == name))
        if given.several_transfers:
            judge_damage(judge, path, connections, 'joined transfer', iter(several))


def judge_damage(judge, path, connections, name, places):
    """Damages the first of the places."""
    n, i = next(places, (None, None))
    if n is None:
        judge.check(False, 'no %s to damage' % name)
        return
    client, frame = connections[n][i]
    last = plain.write(path, [connections[n][:i] + [(client, damage(frame))]])
    _, malformed = decode(path, plain.DECODE_AS)
    judge.check(malformed == [last], 'a damaged %-15s in packet %d is reported: %s' % (name, last, malformed))


if __name__ == '__main__':
    main()
