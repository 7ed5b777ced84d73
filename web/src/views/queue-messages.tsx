// A look at what waits in a queue. It takes nothing: workers still get it all.
import { withQuery } from '../api/client';
import { parse } from '../api/json';
import type { QueueInfo } from '../api/types';
import { useData } from '../data';
import { movesMessages } from '../queue';
import { href, setTerms, term } from '../route';
import { Cli, command } from '../ui/cli';
import { brief, Json } from '../ui/json';
import { Card } from '../ui/page';
import { Empty, Shown } from '../ui/state';
import { Moment } from '../ui/time';

const AMOUNTS = [10, 30, 100];
const LOOK_MS = 2000;

type TaskMessage = { event: string; token: string; template: string; instance: string;
  key: string | null; stage: string; task: string; item?: number; attempt: number;
  generation: number; input: unknown };
type OwnMessage = { id: string; body: string; sent_at: string; receives: number };
type Message = TaskMessage | OwnMessage;

const isTask = (m: Message): m is TaskMessage => 'task' in m;
const keyOf = (m: Message): string => (isTask(m)
  ? `${m.instance} ${m.task} ${m.item ?? 0} ${m.generation} ${m.attempt}` : m.id);

function amount(): number {
  const asked = Number(term('n'));
  return AMOUNTS.includes(asked) ? asked : AMOUNTS[0] ?? 10;
}

export function Messages({ queue, path }: { queue: QueueInfo; path: string }) {
  const limit = amount();
  const data = useData<{ messages: Message[] }>(withQuery(`${path}/peek`, { limit }),
    movesMessages, LOOK_MS);
  const choice = (
    <label class="look">Look at
      <select value={limit} onChange={(e) => setTerms({ n: e.currentTarget.value }, true)}>
        {AMOUNTS.map((n) => <option key={n} value={n}>{n}</option>)}
      </select></label>
  );
  return (
    <Card title="Messages" aside={choice} isPlain>
      <Shown data={data} rows={4}>
        {({ messages }) => (messages.length === 0 ? <Nothing queue={queue} />
          : <ul class="messages">{messages.map((m) => <Line key={keyOf(m)} message={m} />)}</ul>)}
      </Shown>
      <div class="card-foot">
        <p class="quiet">The longest waiting first. Looking takes nothing, and counts as no
          receive.</p>
        <Cli line={command('queue', 'peek', queue.queue, '--limit', String(limit))} />
      </div>
    </Card>
  );
}

function Nothing({ queue }: { queue: QueueInfo }) {
  const hidden = queue.in_flight + queue.delayed;
  return <Empty title="Nothing waits"
    text={hidden > 0 ? 'What is in flight or delayed cannot be seen.' : undefined} />;
}

/** Without the token: whoever has it can answer the task, and a look is no receive. */
function withoutToken(message: TaskMessage): Omit<TaskMessage, 'token'> {
  const { token: _, ...rest } = message;
  return rest;
}

/** A body that is JSON is shown as JSON. */
function read(body: string): unknown {
  try {
    return parse(body);
  } catch {
    return body;
  }
}

function Line({ message }: { message: Message }) {
  return (
    <li>
      <details>
        <summary>{isTask(message) ? <TaskHead of={message} /> : <OwnHead of={message} />}</summary>
        <div class="message-body">
          {isTask(message) && <a href={href(['instances', message.instance])}>Open the instance</a>}
          <Json value={isTask(message) ? withoutToken(message) : read(message.body)}
            label="Message" />
        </div>
      </details>
    </li>
  );
}

function TaskHead({ of }: { of: TaskMessage }) {
  const tries = [of.generation > 1 && `generation ${of.generation}`,
    of.attempt > 1 && `attempt ${of.attempt}`].filter(Boolean).join(', ');
  return (
    <>
      <b dir="auto">{of.task}</b>
      <span class="message-words" dir="auto">{of.template} · {of.key ?? of.instance}</span>
      {tries !== '' && <span class="pill">{tries}</span>}
    </>
  );
}

function OwnHead({ of }: { of: OwnMessage }) {
  return (
    <>
      <b>no task</b>
      <span class="message-words" dir="auto">{brief(of.body, 120)}</span>
      <span class="quiet"><Moment at={of.sent_at} /></span>
      {of.receives > 0 && <span class="pill">received {of.receives}×</span>}
    </>
  );
}
