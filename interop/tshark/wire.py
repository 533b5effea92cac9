"""What tshark makes of a capture."""

import collections
import re
import subprocess
import sys

from frames import PERFORMATIVES, SASL

ERROR = str(0x00800000)  # tshark's severity for what cannot be decoded but does not run over the end


def tshark(*arguments):
    done = subprocess.run(['tshark', '-n', *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        sys.exit('tshark: ' + done.stderr.strip())
    return done.stdout


def fields(capture, options, shown, *names):
    """Yields the number of each packet that is shown, whether it is malformed, and the values of each field."""
    out = tshark('-r', capture, *options, '-T', 'fields', '-E', 'occurrence=a', '-E', 'separator=;', '-Y', shown,
                 '-e', 'frame.number', '-e', '_ws.malformed', '-e', '_ws.expert.severity',
                 *(part for name in names for part in ('-e', name)))
    for line in out.splitlines():
        number, bad, severities, *values = line.split(';')
        yield int(number), bool(bad) or ERROR in severities.split(','), [v.split(',') if v else [] for v in values]


def decode(capture, options):
    """Returns how often each performative occurs, and the packets that are malformed."""
    counts, malformed = collections.Counter(), []
    for number, bad, (performatives, sasl) in fields(capture, options, 'amqp', 'amqp.performative', 'amqp.sasl.method'):
        counts.update(PERFORMATIVES.get(int(n), n) for n in performatives)
        counts.update(SASL.get(int(n), n) for n in sasl)
        if bad:
            malformed.append(number)
    return counts, malformed


def conversations(capture, options, protocol):
    """Yields the bytes of each connection that speaks protocol, as a list of (from client, bytes), in order."""
    streams = sorted({int(s) for s in tshark('-r', capture, *options, '-Y', protocol, '-T', 'fields',
                                             '-e', 'tcp.stream').split()})
    for stream in streams:
        out = tshark('-r', capture, *options, '-q', '-z', 'follow,tls,raw,%d' % stream)
        lines = [line for line in out.splitlines() if re.fullmatch(r'\t?[0-9a-f]+', line)]
        yield [(not line.startswith('\t'), bytes.fromhex(line.strip())) for line in lines]
