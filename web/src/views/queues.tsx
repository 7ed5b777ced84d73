// The work queues: how much waits, for how long, and for whom; one of them open, with its messages.
import { useEffect } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import { withQuery } from '../api/client';
import type { QueueInfo } from '../api/types';
import { useData } from '../data';
import { href, setTerms, term } from '../route';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { Empty, Shown } from '../ui/state';
import { Elapsed } from '../ui/time';
import { OpenQueue } from './queues-one';

const NEWS_MS = 1000;
const TYPED_MS = 250;

type Answer = { queues: QueueInfo[]; next?: string };

function Search() {
  const text = useSignal(term('prefix'));
  useEffect(() => {
    if (text.value === term('prefix')) return undefined;
    const timer = setTimeout(() => setTerms({ prefix: text.value, after: null }, true), TYPED_MS);
    return () => clearTimeout(timer);
  }, [text.value]);
  return (
    <label class="search"><Icon name="search" /><span class="hidden">Name begins with</span>
      <input type="search" value={text.value} placeholder="Name begins with…" autocomplete="off"
        spellcheck={false} onInput={(e) =>
          { text.value = e.currentTarget.value.trim(); }} /></label>
  );
}

function Serves({ queue }: { queue: QueueInfo }) {
  const [first, ...others] = queue.serves;
  if (first === undefined)
    return (
      <span class="quiet">{queue.queue === 'swm-events' ? 'takes events' : 'no template'}</span>
    );
  return (
    <span dir="auto"><a href={href(['templates', first.template])}>{first.template}</a>
      <span class="quiet"> {first.task}{others.length > 0
        && ` and ${others.length} more`}</span></span>
  );
}

/** Beside the others: the longest bar is the deepest queue. */
function Depth({ queue, most }: { queue: QueueInfo; most: number }) {
  const width = most > 0 ? `${Math.round((queue.visible / most) * 100)}%` : '0';
  return (
    <span class="depth"><span class="figures">{queue.visible.toLocaleString()}{queue.more
      && '+'}</span>
      <span class="depth-bar" aria-hidden="true"><span style={{ width }} /></span></span>
  );
}

function Row({ queue, most }: { queue: QueueInfo; most: number }) {
  const to = href(['queues'], { prefix: term('prefix'), open: queue.queue });
  return (
    <tr class={term('open') === queue.queue ? 'is-open' : ''}>
      <td><a class="queue-name" href={to} dir="auto">{queue.queue}</a>
        {queue.problem && <span class="late" dir="auto"> {queue.problem}</span>}</td>
      <td><Depth queue={queue} most={most} /></td>
      <td class="number">{queue.in_flight.toLocaleString()}</td>
      <td class="number queue-delayed">{queue.delayed.toLocaleString()}</td>
      <td class="number">{queue.visible === 0 ? <span class="quiet">—</span>
        : queue.oldest_at ? <Elapsed from={queue.oldest_at} />
          : <span class="quiet" title="Amazon SQS does not tell it">not known</span>}</td>
      <td class="number queue-workers">{queue.waiting_receives.toLocaleString()}</td>
      <td class="queue-serves"><Serves queue={queue} /></td>
    </tr>
  );
}

function Table({ answer }: { answer: Answer }) {
  const { queues, next } = answer;
  const most = Math.max(0, ...queues.map((q) => q.visible));
  if (queues.length === 0)
    return <Empty title={term('prefix') ? 'No queue has such a name' : 'There are no queues yet'}
      text="A queue is there as soon as a template names it, or somebody sends to it." />;
  return (
    <>
      <div class="queue-table">
        <table class="table">
          <thead><tr><th>Queue</th><th>Waiting</th><th class="number">In flight</th>
            <th class="number queue-delayed">Delayed</th><th class="number">Oldest</th>
            <th class="number queue-workers">Workers that wait</th>
            <th class="queue-serves">Serves</th></tr></thead>
          <tbody>{queues.map((q) => <Row key={q.queue} queue={q} most={most} />)}</tbody>
        </table>
      </div>
      {next && <p class="list-foot"><a href={href(['queues'],
        { prefix: term('prefix'), after: next })}>More queues</a></p>}
    </>
  );
}

export default function View() {
  const data = useData<Answer>(
    withQuery('v1/queues', { prefix: term('prefix'), after: term('after') }),
    (r) => r.verdict === 'applied', NEWS_MS);
  const open = term('open');
  const queue = data.value?.queues.find((q) => q.queue === open);
  return (
    <Page title="Queues" actions={<button type="button" onClick={data.reload}>
      <Icon name="replay" />Look again</button>}>
      <div class="filter-bar"><Search /></div>
      <div class={`queues ${open ? 'has-open' : ''}`}>
        <section class="card card-plain" aria-label="Queues">
          <Shown data={data}>{(answer) => <Table answer={answer} />}</Shown>
        </section>
        {open !== '' && <OpenQueue key={open} name={open} queue={queue} reload={data.reload} />}
      </div>
    </Page>
  );
}

