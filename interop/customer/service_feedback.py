# The service reads one batch of feedback. HUBFILE
#
# After a snippet of "Communicate with your IoT hub by using the AMQP protocol",
# https://learn.microsoft.com/azure/iot-hub/iot-hub-amqp-support,
# (c) Microsoft Corporation, content licensed under CC BY 4.0.
# Changed: Python 3 (bytes); a limit on the waiting; the exit code says whether feedback came.
import json
import sys

import uamqp

from connect import from_arguments

hub, _ = from_arguments()
uri, auth = hub.connect(hub.service_login(), '/messages/serviceBound/feedback')
receive_client = uamqp.ReceiveClient(uri, auth=auth)
batch = receive_client.receive_message_batch(max_batch_size=10, timeout=30000)
seen = 0
for msg in batch:
    print('received a message')
    # Check content_type in message property to identify feedback messages coming from device
    if msg.properties.content_type == b'application/vnd.microsoft.iothub.feedback.json':
        msg_body_raw = msg.get_data()
        msg_body_str = b''.join(msg_body_raw).decode()
        msg_body = json.loads(msg_body_str)
        print(json.dumps(msg_body, indent=2))
        print('******************')
        for feedback in msg_body:
            seen += 1
            print('feedback received')
            print('\tstatusCode: ' + str(feedback['statusCode']))
            print('\toriginalMessageId: ' + str(feedback['originalMessageId']))
            print('\tdeviceId: ' + str(feedback['deviceId']))
    else:
        print('unknown message:', msg.properties.content_type)
receive_client.close()
hub.close()
sys.exit(seen == 0)
