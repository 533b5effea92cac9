"""What a judge knows of the hub, and how Qpid Proton connects to it.

    JUDGE.py HUBFILE CAFILE ...

HUBFILE is the line that hub serve --json printed.
"""

import base64
import hashlib
import hmac
import json
import re
import sys
import time
from urllib.parse import quote

from proton import Message, SSLDomain
from proton.utils import BlockingConnection

from checks import equal

HANGS = 30  # seconds for one operation: only a hang is longer

with open(sys.argv[1]) as f:
    _said = json.loads(f.readline())
_ca = sys.argv[2]
arguments = sys.argv[3:]


def _fields(connection_string):
    return dict(part.split('=', 1) for part in connection_string.split(';'))


_service = _fields(_said['service'])
port = int(_said['listen'].rsplit(':', 1)[1])
host = re.sub(r':\d+$', '', _service['HostName'])


def sas_token(resource, key, policy=None):
    """key is bytes."""
    expiry = str(int(time.time()) + 3600)
    text = quote(resource, safe='') + '\n' + expiry
    signature = base64.b64encode(hmac.new(key, text.encode(), hashlib.sha256).digest())
    token = 'SharedAccessSignature sr=%s&sig=%s&se=%s' % (quote(resource, safe=''), quote(signature, safe=''), expiry)
    return token + ('&skn=' + policy if policy else '')


def device_token(device_id):
    """Returns (audience, token)."""
    audience = '%s/devices/%s' % (host, device_id)
    return audience, sas_token(audience, base64.b64decode(_fields(_said['devices'][device_id])['SharedAccessKey']))


def service_token(audience):
    return audience, sas_token(audience, base64.b64decode(_service['SharedAccessKey']), _service['SharedAccessKeyName'])


def entity_token(audience):
    """Where the redirect leads, tokens are Event Hubs': the key is the text itself."""
    return audience, sas_token(audience, _service['SharedAccessKey'].encode(), _service['SharedAccessKeyName'])


def connect(host=host, port=port, **login):
    domain = SSLDomain(SSLDomain.MODE_CLIENT)
    domain.set_trusted_ca_db(_ca)
    domain.set_peer_authentication(SSLDomain.VERIFY_PEER_NAME)
    return BlockingConnection('amqps://%s:%d' % (host, port), timeout=HANGS, ssl_domain=domain, **login)


def connect_plain(user, token):
    return connect(allowed_mechs='PLAIN', user=user, password=token)


def connect_device(device_id):
    return connect_plain('%s@sas.%s' % (device_id, host.split('.')[0]), device_token(device_id)[1])


def connect_service():
    _, token = service_token(host)
    return connect_plain('%s@sas.root.%s' % (_service['SharedAccessKeyName'], host.split('.')[0]), token)


def request(connection, node, message):
    """Returns the reply of a node that answers requests, such as $cbs."""
    receiver = connection.create_receiver(node, credit=1)
    sender = connection.create_sender(node)
    message.id, message.reply_to = 'request-1', 'replies'
    sender.send(message)
    reply = receiver.receive()
    receiver.accept()
    sender.close()
    receiver.close()
    if reply.properties['status-code'] != 200:
        raise AssertionError('%s: %s' % (node, reply.properties))
    equal(reply.correlation_id, 'request-1')
    return reply


def put_token(connection, audience, token):
    """Gives the peer a token on $cbs."""
    request(connection, '$cbs', Message(body=token, properties={
        'operation': 'put-token', 'type': 'servicebus.windows.net:sastoken', 'name': audience}))
