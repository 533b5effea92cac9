# The service sends a message to a device and asks for full feedback. HUBFILE DEVICE MESSAGE-ID TEXT
#
# After a snippet of "Communicate with your IoT hub by using the AMQP protocol",
# https://learn.microsoft.com/azure/iot-hub/iot-hub-amqp-support,
# (c) Microsoft Corporation, content licensed under CC BY 4.0.
# Changed: Python 3; device, message id and text are arguments; the outcome is
# printed and decides the exit code.
import sys

import uamqp

from connect import from_arguments

hub, (device_id, msg_id, text) = from_arguments()
uri, auth = hub.connect(hub.service_login(), '/messages/devicebound')
send_client = uamqp.SendClient(uri, auth=auth)

# Create a message and set message property 'To' to the device-bound link on device
msg_content = text.encode()
to = '/devices/{device_id}/messages/devicebound'.format(device_id=device_id)
ack = 'full'  # Alternative values are 'positive', 'negative', and 'none'
app_props = {'iothub-ack': ack}
msg_props = uamqp.message.MessageProperties(message_id=msg_id, to=to)
msg = uamqp.Message(msg_content, properties=msg_props, application_properties=app_props)

send_client.queue_message(msg)
results = send_client.send_all_messages()
send_client.close()
hub.close()

for result in results:
    print('result:', result.name)
sys.exit(any(r == uamqp.constants.MessageState.SendFailed for r in results))
