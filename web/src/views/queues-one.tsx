// One queue: its numbers, whom it serves, what lies in it, and emptying it of what is no task.
import { post } from '../api/client';
import { whyNot } from '../api/me';
import type { QueueInfo } from '../api/types';
import { useData } from '../data';
import { href, setTerms } from '../route';
import { Cli, command } from '../ui/cli';
import { openAction } from '../ui/dialog';
import { Icon } from '../ui/icon';
import { Json, brief } from '../ui/json';
import { Empty, Failure, Loading } from '../ui/state';
import { Moment } from '../ui/time';

const PEEKED = 20;

type Message = Record<string, unknown> & { instance?: string; key?: string; task?: string;
  attempt?: number; body?: string; id?: string; sent_at?: string };
type Peeked = { messages: Message[] };

const queuePath = (name: string): string => `v1/queues/${encodeURIComponent(name)}`;

function purge(name: string, reload: () => void): void {
  openAction({
    title: `Purge ${name}`,
    text: <p>Every message that is no task is deleted for good. Messages of tasks stay: they
      end with
      their instances.</p>,
    confirm: 'Delete these messages', isDanger: true, reason: 'none',
    cli: () => command('queue', 'purge', name),
    send: async () => {
      await post(`${queuePath(name)}/purge`);
      reload();
      return `${name} is purged.`;
    },
  });
}

function asJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function One({ message }: { message: Message }) {
  const isTask = message.instance !== undefined;
  return (
    <li class="message"><details>
      <summary>
        {isTask ? <><b dir="auto">{message.task}</b> <span dir="auto">
          {message.key ?? message.instance}</span>
        <span class="quiet"> attempt {message.attempt}</span></>
          : <><b>Message</b> <span dir="auto" class="quiet">{brief(message.body ?? '',
            60)}</span>{' '}
            <Moment at={message.sent_at} /></>}
      </summary>
      {isTask && <p><a href={href(['instances', message.instance ?? ''])}>To the instance</a></p>}
      <Json value={isTask ? message : { ...message, body: asJson(
        message.body) }} label="The message" />
    </details></li>
  );
}

function Messages({ name }: { name: string }) {
  const why = whyNot('operator');
  const data = useData<Peeked>(why === null ? `${queuePath(name)}/peek?limit=${PEEKED}` : null);
  const messages = data.value?.messages;
  return (
    <section class="todo-part" aria-label="Messages">
      <header class="card-head"><h3>What waits in it</h3>
        <button type="button" onClick={data.reload} disabled={why !== null}>Look again</button>
      </header>
      {why && <p class="callout">{why}</p>}
      {data.error && <Failure error={data.error} title="Nobody can look into it" />}
      {data.isLoading && <Loading rows={3} />}
      {messages?.length === 0 && <Empty title="Nothing can be taken from it now" />}
      {messages && messages.length > 0 && (
        <ul class="messages">{messages.map((m, k) => <One key={m.id ?? k} message={m} />)}</ul>)}
      {messages?.length === PEEKED && <p class="quiet">These are the first {PEEKED}.</p>}
    </section>
  );
}

function Facts({ queue }: { queue: QueueInfo }) {
  return (
    <section class="todo-part" aria-label="Facts">
      {queue.problem && <p class="callout callout-bad" dir="auto">{queue.problem}</p>}
      <dl class="facts">
        <div><dt>Waiting</dt><dd>{queue.visible.toLocaleString()}{queue.more
          && ' or more'}</dd></div>
        <div><dt>In flight</dt><dd>{queue.in_flight.toLocaleString()}</dd></div>
        <div><dt>Delayed</dt><dd>{queue.delayed.toLocaleString()}</dd></div>
        <div><dt>Workers that wait</dt><dd>{queue.waiting_receives.toLocaleString()}</dd></div>
        <div><dt>Oldest</dt><dd><Moment at={queue.oldest_at} /></dd></div>
        <div><dt>Made</dt><dd><Moment at={queue.created_at} /></dd></div>
      </dl>
      {queue.serves.length > 0 && <><h3>Serves</h3><ul class="serves">{queue.serves.map((s) => (
        <li key={`${s.template} ${s.task}`} dir="auto">
          <a href={href(['templates', s.template])}>{s.template}</a>
          <span class="quiet"> {s.stage} / {s.task}</span></li>))}</ul></>}
      {queue.attributes && <details><summary>Attributes</summary>
        <Json value={queue.attributes} label="Attributes" /></details>}
      <Cli line={command('queue', 'peek', queue.queue)} />
    </section>
  );
}

export function OpenQueue({ name, queue, reload }: {
  name: string; queue: QueueInfo | undefined; reload: () => void;
}) {
  const why = whyNot('operator');
  return (
    <section class="card card-plain queue-one" aria-label={name}>
      <header class="todo-head"><div><h2 dir="auto">{name}</h2></div>
        <button type="button" disabled={why !== null} title={why ?? undefined}
          onClick={() => purge(name, reload)}><Icon name="trash" />Purge…</button>
        <button type="button" class="icon-button" aria-label="Close"
          onClick={() => setTerms({ open: null })}><Icon name="close" /></button>
      </header>
      {queue ? <Facts queue={queue} /> : null}
      <Messages name={name} />
    </section>
  );
}
