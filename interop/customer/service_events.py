# The service reads events of one partition behind a sequence number. HUBFILE PARTITION SEQUENCE
#
# After a snippet of "Communicate with your IoT hub by using the AMQP protocol",
# https://learn.microsoft.com/azure/iot-hub/iot-hub-amqp-support,
# (c) Microsoft Corporation, content licensed under CC BY 4.0.
# Changed: Python 3 (bytes; annotations have binary keys); partition and sequence
# number are arguments; private authority and port for the redirected
# connection; a limit on the waiting; the exit code says whether events came.
import sys

import uamqp

from connect import from_arguments

hub, (p_id, sequence) = from_arguments()
policy_name = hub.service['SharedAccessKeyName']
access_key = hub.service['SharedAccessKey']
operation = '/messages/events/ConsumerGroups/{consumer_group}/Partitions/{p_id}'.format(
    consumer_group='$Default', p_id=p_id)
uri, auth = hub.connect(hub.service_login(), operation)

# Optional filtering predicates can be specified by using endpoint_filter
# Valid predicates include:
# - amqp.annotation.x-opt-sequence-number
# - amqp.annotation.x-opt-offset
# - amqp.annotation.x-opt-enqueued-time
endpoint_filter = 'amqp.annotation.x-opt-sequence-number > {}'.format(sequence).encode()

# Helper function to set the filtering predicate on the source URI


def set_endpoint_filter(uri, endpoint_filter=''):
    source_uri = uamqp.address.Source(uri)
    source_uri.set_filter(endpoint_filter)
    return source_uri


receive_client = uamqp.ReceiveClient(set_endpoint_filter(uri, endpoint_filter), auth=auth)
try:
    batch = receive_client.receive_message_batch(max_batch_size=5, timeout=30000)
    print('not redirected')
except uamqp.errors.LinkRedirect as redirect:
    # Once a redirect error is received, close the original client and recreate a new one to the re-directed address
    receive_client.close()

    address = redirect.address.decode()
    print('redirected to', address)
    sas_auth = uamqp.authentication.SASTokenAuth.from_shared_access_key(
        address, policy_name, access_key, port=hub.port, verify=hub.ca_file)
    receive_client = uamqp.ReceiveClient(set_endpoint_filter(
        address, endpoint_filter), auth=sas_auth)

# Start receiving messages in batches
batch = receive_client.receive_message_batch(max_batch_size=5, timeout=30000)
for msg in batch:
    print('*** received a message ***')
    print(b''.join(msg.get_data()).decode())
    print('\t: ' + str(msg.annotations[b'x-opt-sequence-number']))
    print('\t: ' + str(msg.annotations[b'x-opt-offset']))
    print('\t: ' + str(msg.annotations[b'x-opt-enqueued-time']))
receive_client.close()
hub.close()
sys.exit(not batch)
