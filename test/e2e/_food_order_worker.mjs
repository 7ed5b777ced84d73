// A worker of the food-order workflow on the stock AWS SDK for JavaScript, only the endpoint set:
// `node _food_order_worker.mjs ENDPOINT QUEUE…`. Prints each task message it took as a line of JSON
// and ends when its standard input does. Its answers are those of _food_order.py, given as JSON in
// FOOD_ORDER_OUTPUTS.
import {
  ChangeMessageVisibilityCommand, DeleteMessageCommand, GetQueueUrlCommand, ReceiveMessageCommand,
  SQSClient, SendMessageBatchCommand,
} from '@aws-sdk/client-sqs';

const [endpoint, ...queues] = process.argv.slice(2);
const outputs = JSON.parse(process.env.FOOD_ORDER_OUTPUTS);
const sqs = new SQSClient({
  endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
});
const stop = new AbortController();
process.stdin.on('end', () => stop.abort()).resume();

const urlOf = async (QueueName) => (await sqs.send(new GetQueueUrlCommand({ QueueName }))).QueueUrl;
const events = await urlOf('swm-events');

function answerTo(message) {
  const { token, task, generation, attempt } = message;
  if (task === 'make_food' && generation === 1 && attempt === 1) {
    return { event: 'TaskFailed', token, error: 'OvenCold', message: 'the oven is not hot yet' };
  }
  return { event: 'TaskCompleted', token, output: outputs[task] };
}

async function work(QueueUrl) {
  while (!stop.signal.aborted) {
    const got = await sqs.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 20 }),
      { abortSignal: stop.signal });
    for (const { Body, ReceiptHandle } of got.Messages ?? []) {
      const message = JSON.parse(Body);
      console.log(JSON.stringify(message));
      await sqs.send(new ChangeMessageVisibilityCommand(
        { QueueUrl, ReceiptHandle, VisibilityTimeout: 60 }));
      const sent = await sqs.send(new SendMessageBatchCommand({ QueueUrl: events,
        Entries: [{ Id: 'answer', MessageBody: JSON.stringify(answerTo(message)) }] }));
      if (sent.Failed?.length) throw new Error(JSON.stringify(sent.Failed));
      await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    }
  }
}

try {
  await Promise.all((await Promise.all(queues.map(urlOf))).map(work));
} catch (error) {
  if (!stop.signal.aborted) throw error;
}
