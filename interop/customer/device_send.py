# The device sends telemetry. HUBFILE DEVICE TEXT...
#
# After a snippet of "Communicate with your IoT hub by using the AMQP protocol",
# https://learn.microsoft.com/azure/iot-hub/iot-hub-amqp-support,
# (c) Microsoft Corporation, content licensed under CC BY 4.0.
# Changed: Python 3; one message for each argument; properties that stay None are
# left out; the outcome is printed and decides the exit code.
import sys
import uuid

import uamqp

from connect import from_arguments

hub, (device_id, *texts) = from_arguments()
# Create a send client for the device-to-cloud send link on the device
operation = '/devices/{device_id}/messages/events'.format(device_id=device_id)
uri, auth = hub.connect(hub.device_login(device_id), operation)

send_client = uamqp.SendClient(uri, auth=auth)
for text in texts:
    # Set any of the applicable message properties
    msg_props = uamqp.message.MessageProperties()
    msg_props.message_id = str(uuid.uuid4())

    # Application properties in the message (if any)
    application_properties = {"app_property_key": "app_property_value"}

    # Create message
    message = uamqp.Message(text.encode(), properties=msg_props,
                            application_properties=application_properties)
    send_client.queue_message(message)

results = send_client.send_all_messages()
send_client.close()
hub.close()

for result in results:
    print('result:', result.name)
sys.exit(any(r == uamqp.constants.MessageState.SendFailed for r in results))
