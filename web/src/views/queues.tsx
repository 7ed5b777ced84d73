// All work queues: what is in them, how long it has waited, who takes from them and for whom.
import { useSignal } from '@preact/signals';
import { withQuery } from '../api/client';
import type { QueueInfo } from '../api/types';
import { useData } from '../data';
import { depthOf, movesMessages, QUEUES_MS, sortQueues, type Order } from '../queue';
import { href, setTerms, term } from '../route';
import { Icon } from '../ui/icon';
import { Card, Page } from '../ui/page';
import { Search, useTyped } from '../ui/search';
import { Empty, Shown } from '../ui/state';
import { Moment } from '../ui/time';
import { count, Depth, DepthLegend, TaskLink, Trouble } from './queue-parts';

const LISTED_MAX = 1000;
const DRAWN = 100; // more are drawn when asked for
const NAMED = 2; // tasks named in a line

type Listed = { queues: QueueInfo[]; next?: string };

const ORDERS: [Order, string][] = [['name', 'by name'], ['depth', 'most waiting first'],
  ['age', 'longest waiting first']];

const chosenOrder = (): Order => ORDERS.find(([id]) => id === term('sort'))?.[0] ?? 'name';

export default function View() {
  const prefix = term('prefix');
  const data = useData<Listed>(withQuery('v1/queues', { prefix, limit: LISTED_MAX }),
    movesMessages, QUEUES_MS);
  const refresh = (
    <button type="button" onClick={data.reload}><Icon name="replay" />Refresh</button>
  );
  return (
    <Page title="Queues" actions={refresh}>
      <Bar prefix={prefix} />
      <Shown data={data}>
        {(listed) => (listed.queues.length === 0 ? <None prefix={prefix} />
          : <List listed={listed} order={chosenOrder()} />)}
      </Shown>
    </Page>
  );
}

function Bar({ prefix }: { prefix: string }) {
  const typed = useTyped({ given: prefix, put: (text) => setTerms({ prefix: text }, true) });
  return (
    <div class="filter-bar">
      <Search text={typed} label="Name begins with" hint="Name begins with…" />
      <label class="order"><span class="hidden">Order</span>
        <select value={chosenOrder()}
          onChange={(e) => setTerms({ sort: e.currentTarget.value }, true)}>
          {ORDERS.map(([id, words]) => <option key={id} value={id}>{words}</option>)}
        </select></label>
      <DepthLegend />
    </div>
  );
}

function None({ prefix }: { prefix: string }) {
  if (prefix !== '') {
    return <Empty title="No queue begins so" action={
      <a class="button" href={href(['queues'])}>All queues</a>} />;
  }
  return <Empty title="No queues yet"
    text="A queue is there as soon as a template names it, or a worker makes it." />;
}

function List({ listed, order }: { listed: Listed; order: Order }) {
  const drawn = useSignal(DRAWN);
  const queues = sortQueues(listed.queues, order);
  const fullest = Math.max(0, ...queues.map(depthOf));
  return (
    <Card isPlain>
      <table class="table queues">
        <thead><tr><th>Queue</th><th class="number">Waiting</th>
          <th><span class="hidden">Drawn</span></th>
          <th class="number">In flight</th><th class="number">Delayed</th>
          <th class="number">Oldest</th><th class="number">Receives</th><th>Tasks of</th></tr>
        </thead>
        <tbody>
          {queues.slice(0, drawn.value).map((q) =>
            <Row key={q.queue} queue={q} fullest={fullest} />)}
        </tbody>
      </table>
      {queues.length > drawn.value && (
        <button type="button" class="more-rows" onClick={() => { drawn.value += DRAWN; }}>
          Show more ({(queues.length - drawn.value).toLocaleString()} left)</button>)}
      {listed.next && <p class="card-note">These are the first {LISTED_MAX.toLocaleString()} by
        name: type how the one you look for begins.</p>}
    </Card>
  );
}

function Cell({ label, children, isZero }: {
  label: string; children: preact.ComponentChildren; isZero?: boolean;
}) {
  return <td class={`number ${isZero ? 'quiet' : ''}`} data-label={label}>{children}</td>;
}

function Row({ queue: q, fullest }: { queue: QueueInfo; fullest: number }) {
  const others = q.serves_count - Math.min(q.serves.length, NAMED);
  return (
    <tr>
      <td class="queue-name"><a dir="auto" href={href(['queues', q.queue])}>{q.queue}</a>
        <Trouble queue={q} /></td>
      <Cell label="waiting" isZero={q.visible === 0}>{count(q.visible, q.more)}</Cell>
      <td class="queue-depth"><Depth queue={q} of={fullest} /></td>
      <Cell label="in flight" isZero={q.in_flight === 0}>{count(q.in_flight)}</Cell>
      <Cell label="delayed" isZero={q.delayed === 0}>{count(q.delayed)}</Cell>
      <Cell label="oldest"><Moment at={q.oldest_at} /></Cell>
      <Cell label="receives" isZero={q.waiting_receives === 0}>{count(q.waiting_receives)}</Cell>
      <td class="queue-serves">
        {q.serves.slice(0, NAMED).map((s) =>
          <TaskLink key={`${s.template} ${s.task}`} of={s} />)}
        {others > 0 && <a class="quiet" href={href(['queues', q.queue])}>and {others} more</a>}
      </td>
    </tr>
  );
}
