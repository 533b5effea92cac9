# How the programs beside this one connect: user name, token and URI.
#
# After a snippet of "Communicate with your IoT hub by using the AMQP protocol",
# https://learn.microsoft.com/azure/iot-hub/iot-hub-amqp-support,
# (c) Microsoft Corporation, content licensed under CC BY 4.0.
# Changed: Python 3; the hub is read from a file instead of placeholders; the token
# generator, which the page leaves to another page, is here; certifi is told of
# the private authority; ports other than 5671.
import base64
import hashlib
import hmac
import json
import os
import re
import sys
import tempfile
import time
from urllib.parse import quote_plus

import certifi
import uamqp


def generate_sas_token(uri, key, policy_name, expiry=3600):
    ttl = str(int(time.time() + expiry))
    signed = hmac.new(base64.b64decode(key), (quote_plus(uri) + '\n' + ttl).encode(), hashlib.sha256)
    token = 'SharedAccessSignature sr={}&sig={}&se={}'.format(
        quote_plus(uri), quote_plus(base64.b64encode(signed.digest())), ttl)
    if policy_name:
        token += '&skn=' + policy_name
    return token


def trust(pem):
    """The library asks certifi for its authorities; here it gets one of ours."""
    with tempfile.NamedTemporaryFile('w', suffix='.pem', delete=False) as f:
        f.write(pem)
    certifi.where = lambda: f.name
    return f.name


class Hub:
    """What a program knows of the hub: the line that hub serve --json printed."""

    def __init__(self, path):
        with open(path) as f:
            said = json.loads(f.readline())
        self.ca_file = trust(said['ca'])
        self.port = int(said['listen'].rsplit(':', 1)[1])
        self.service = dict(p.split('=', 1) for p in said['service'].split(';'))
        self.devices = {name: dict(p.split('=', 1) for p in text.split(';'))
                        for name, text in said['devices'].items()}
        self.hostname = re.sub(r':\d+$', '', self.service['HostName'])
        self.iot_hub_name = self.hostname.split('.')[0]

    def close(self):
        os.unlink(self.ca_file)

    def service_login(self):
        policy_name = self.service['SharedAccessKeyName']
        username = '{policy_name}@sas.root.{iot_hub_name}'.format(
            iot_hub_name=self.iot_hub_name, policy_name=policy_name)
        return username, generate_sas_token(self.hostname, self.service['SharedAccessKey'], policy_name)

    def device_login(self, device_id):
        username = '{device_id}@sas.{iot_hub_name}'.format(
            device_id=device_id, iot_hub_name=self.iot_hub_name)
        return username, generate_sas_token('{hostname}/devices/{device_id}'.format(
            hostname=self.hostname, device_id=device_id), self.devices[device_id]['SharedAccessKey'], None)

    def connect(self, login, operation):
        """Returns (uri, auth) for a client of the library."""
        username, sas_token = login
        if self.port == 5671:
            return 'amqps://{}:{}@{}{}'.format(quote_plus(username), quote_plus(sas_token),
                                               self.hostname, operation), None
        auth = uamqp.authentication.SASLPlain(
            self.hostname, username, sas_token, port=self.port, verify=self.ca_file)
        return 'amqps://{}{}'.format(self.hostname, operation), auth


def from_arguments():
    """The hub and the arguments behind it."""
    return Hub(sys.argv[1]), sys.argv[2:]
