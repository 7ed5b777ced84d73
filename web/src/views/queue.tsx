// One queue: its numbers, whose tasks it has, what is in it now, how it is set.
import type { ComponentChildren } from 'preact';
import { useSignal } from '@preact/signals';
import { post } from '../api/client';
import { whyNot } from '../api/me';
import type { QueueInfo } from '../api/types';
import { useData } from '../data';
import { depthOf, movesMessages, QUEUES_MS } from '../queue';
import { href } from '../route';
import { may } from '../store';
import { amount } from '../ui/amount';
import { Cli, command } from '../ui/cli';
import { openAction } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Card, Page } from '../ui/page';
import { Empty, Shown } from '../ui/state';
import { exact, Moment } from '../ui/time';
import type { ViewProps } from '../views';
import { Messages } from './queue-messages';
import { count, Depth, DepthLegend, Trouble } from './queue-parts';

const EVENTS = 'swm-events';

const pathOf = (name: string): string => `v1/queues/${encodeURIComponent(name)}`;

function purge(name: string, reload: () => void): void {
  openAction({
    title: `Purge ${name}?`,
    text: (
      <>
        <p>All messages in it that are no tasks are deleted, for good: what waits, what is delayed,
          and what somebody has taken and not deleted yet.</p>
        <p>Messages of tasks stay. They end with their task or instance.</p>
      </>
    ),
    confirm: 'Delete the messages', isDanger: true, reason: 'none',
    cli: () => command('queue', 'purge', name),
    send: async () => {
      await post(`${pathOf(name)}/purge`);
      reload();
      return `${name} holds nothing but tasks.`;
    },
  });
}

export default function View({ params }: ViewProps) {
  const name = params['name'] ?? '';
  const data = useData<QueueInfo>(pathOf(name), movesMessages, QUEUES_MS);
  const looks = useSignal(0); // a purge is no event: what is shown of the queue is read again
  const reload = () => {
    data.reload();
    looks.value += 1;
  };
  const why = whyNot('operator');
  const actions = data.value && (
    <>
      <button type="button" onClick={reload}><Icon name="replay" />Refresh</button>
      {name !== EVENTS && (
        <button type="button" disabled={why !== null} title={why ?? ''}
          onClick={() => purge(name, reload)}><Icon name="trash" />Purge…</button>)}
    </>
  );
  return (
    <Page title={name} trail={[['Queues', href(['queues'])]]} actions={actions}>
      <Shown data={data}>
        {(queue) => <Whole queue={queue} path={pathOf(name)} looks={looks.value} />}
      </Shown>
    </Page>
  );
}

function Whole({ queue, path, looks }: { queue: QueueInfo; path: string; looks: number }) {
  return (
    <>
      <Numbers queue={queue} />
      <div class="queue-main">
        {queue.queue === EVENTS ? <EventsCard />
          : <MessagesCard key={looks} queue={queue} path={path} />}
        <div class="queue-beside">
          <Served queue={queue} />
          <Settings queue={queue} />
        </div>
      </div>
    </>
  );
}

function Numbers({ queue: q }: { queue: QueueInfo }) {
  const numbers: [string, ComponentChildren, string?][] = [
    ['Waiting', count(q.visible, q.more), 'visible: the next receive takes one'],
    ['In flight', count(q.in_flight), 'taken, and hidden until answered or their time is over'],
    ['Delayed', count(q.delayed), 'visible later'],
    ['Oldest', <Moment at={q.oldest_at} />, 'since the longest waiting one was sent'],
    ['Receives', count(q.waiting_receives), 'of workers that wait for a message now'],
  ];
  return (
    <Card>
      <Trouble queue={q} />
      <dl class="queue-numbers">
        {numbers.map(([word, value, hint]) => (
          <div key={word} title={hint}><dt>{word}</dt><dd class="figures">{value}</dd></div>
        ))}
      </dl>
      <Depth queue={q} of={depthOf(q)} />
      <DepthLegend />
    </Card>
  );
}

function EventsCard() {
  return (
    <Card title="Messages">
      <Empty title="It holds nothing" text={<>What is sent here is an event: it gets its verdict at
        once, and is <a href={href(['events'], { source: 'sqs' })}>among the events</a>.</>} />
    </Card>
  );
}

function MessagesCard({ queue, path }: { queue: QueueInfo; path: string }) {
  if (may('operator')) return <Messages queue={queue} path={path} />;
  return (
    <Card title="Messages">
      <Empty title="Not with your key" text={whyNot('operator')} />
    </Card>
  );
}

function Served({ queue }: { queue: QueueInfo }) {
  const { serves, serves_count: all } = queue;
  return (
    <Card title="Tasks" isPlain aside={<span class="quiet figures">{count(all)}</span>}>
      {serves.length === 0 && (
        <p class="card-note">No template's newest version sends tasks here.</p>)}
      <ul class="served">
        {serves.map((s) => (
          <li key={`${s.template} ${s.task}`}>
            <a dir="auto" href={href(['templates', s.template])}>{s.template}</a>
            <span class="quiet" dir="auto">{s.stage}</span>
            <b dir="auto">{s.task}</b>
            <a class="served-now" href={href(['instances'],
              { template: s.template, stage: s.stage, status: 'RUNNING' })}>running now</a>
          </li>
        ))}
      </ul>
      {serves.length < all && <p class="card-note">and {count(all - serves.length)} more</p>}
    </Card>
  );
}

const SETTINGS: [name: string, words: string, unit: 's' | 'bytes'][] = [
  ['VisibilityTimeout', 'Hidden after a receive', 's'],
  ['DelaySeconds', 'Delayed', 's'],
  ['MessageRetentionPeriod', 'Kept, of your own messages', 's'],
  ['ReceiveMessageWaitTimeSeconds', 'A receive waits', 's'],
  ['MaximumMessageSize', 'A message at most', 'bytes'],
];

function Settings({ queue }: { queue: QueueInfo }) {
  const have = queue.attributes ?? {};
  const tell = (value: string, unit: string) => (value === '0' ? 'not at all'
    : amount(Number(value), unit));
  return (
    <Card title="Settings">
      <dl class="facts">
        {SETTINGS.filter(([name]) => have[name] !== undefined).map(([name, words, unit]) => (
          <div key={name} title={name}><dt>{words}</dt><dd>{tell(have[name] ?? '', unit)}</dd></div>
        ))}
        {queue.created_at && <div><dt>There since</dt><dd>{exact(queue.created_at)}</dd></div>}
      </dl>
      <p class="quiet">A worker that runs a program for each message:</p>
      <Cli line={command('worker', '--queue', queue.queue, '--exec', './program')} />
    </Card>
  );
}
