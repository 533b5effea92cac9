# The device receives one batch of messages and completes them. HUBFILE DEVICE
#
# After a snippet of "Communicate with your IoT hub by using the AMQP protocol",
# https://learn.microsoft.com/azure/iot-hub/iot-hub-amqp-support,
# (c) Microsoft Corporation, content licensed under CC BY 4.0.
# Changed: Python 3 (bytes; annotations have binary keys); one batch with a limit on
# the waiting instead of a loop without end; the exit code says whether messages came.
import sys

import uamqp

from connect import from_arguments

hub, (device_id,) = from_arguments()
# Create a receive client for the cloud-to-device receive link on the device
operation = '/devices/{device_id}/messages/devicebound'.format(device_id=device_id)
uri, auth = hub.connect(hub.device_login(device_id), operation)

receive_client = uamqp.ReceiveClient(uri, auth=auth)
batch = receive_client.receive_message_batch(max_batch_size=5, timeout=30000)
for msg in batch:
    print('*** received a message ***')
    print(b''.join(msg.get_data()).decode())

    # Property 'to' is set to: '/devices/device1/messages/devicebound',
    print('\tto:                     ' + str(msg.properties.to))

    # Property 'message_id' is set to value provided by the service
    print('\tmessage_id:             ' + str(msg.properties.message_id))

    # Other properties are present if they were provided by the service
    print('\tcreation_time:          ' + str(msg.properties.creation_time))
    print('\tcorrelation_id:         ' + str(msg.properties.correlation_id))
    print('\tcontent_type:           ' + str(msg.properties.content_type))
    print('\treply_to_group_id:      ' + str(msg.properties.reply_to_group_id))
    print('\tsubject:                ' + str(msg.properties.subject))
    print('\tuser_id:                ' + str(msg.properties.user_id))
    print('\tgroup_sequence:         ' + str(msg.properties.group_sequence))
    print('\tcontent_encoding:       ' + str(msg.properties.content_encoding))
    print('\treply_to:               ' + str(msg.properties.reply_to))
    print('\tabsolute_expiry_time:   ' + str(msg.properties.absolute_expiry_time))
    print('\tgroup_id:               ' + str(msg.properties.group_id))

    # Message sequence number in the built-in event hub
    print('\tx-opt-sequence-number:  ' + str(msg.annotations[b'x-opt-sequence-number']))
receive_client.close()
hub.close()
sys.exit(not batch)
