// What somebody should look at: each with its reason, one click from where it happened.
import { useData, useMinutely } from '../data';
import { isOfInstance } from '../news';
import { href, setTerms, term } from '../route';
import type { QueueInfo } from '../api/types';
import { Icon, type IconName } from '../ui/icon';
import { Card } from '../ui/page';
import { Empty, Shown } from '../ui/state';
import { Elapsed, Moment } from '../ui/time';

const SETTLE_MS = 1500;
const FEW = 8;

type Kind = 'failed' | 'overdue' | 'retrying';
type AtLeast = { count: number; more: boolean };
type Item = {
  kind: Kind; instance: string; template: string; version: number; key: string | null;
  stage?: string; task?: string; tries?: number; max_attempts?: number; since: string | null;
  due_at?: string | null; retry_at?: string | null; reason: string;
};
type Answer = Record<Kind, AtLeast> & { items: Item[] };

const KINDS: { kind: Kind; icon: IconName; words: string; to: string }[] = [
  { kind: 'failed', icon: 'warning', words: 'failed',
    to: href(['instances'], { status: 'FAILED' }) },
  { kind: 'overdue', icon: 'clock', words: 'overdue', to: href(['inbox']) },
  { kind: 'retrying', icon: 'replay', words: 'retrying long', to: '' },
];

const told = ({ count, more }: AtLeast): string => `${count.toLocaleString()}${more ? '+' : ''}`;

export function Attention({ unattended }: { unattended: QueueInfo[] }) {
  const limit = term('attention') === 'all' ? 100 : FEW;
  const data = useData<Answer>(`v1/attention?limit=${limit}`, isOfInstance, SETTLE_MS);
  useMinutely(data.reload); // what is due becomes overdue without an event
  return (
    <Card title="Needs attention" isPlain
      aside={data.value && <Counts of={data.value} unattended={unattended.length} />}>
      <Shown data={data}>{(value) => (
        <Items value={value} limit={limit} unattended={unattended} />
      )}</Shown>
    </Card>
  );
}

function Counts({ of, unattended }: { of: Answer; unattended: number }) {
  return (
    <ul class="attention-counts">
      {KINDS.filter(({ kind }) => of[kind].count > 0).map(({ kind, words, to }) => (
        <li key={kind} class={`attention-${kind}`}>
          {to ? <a href={to}><b>{told(of[kind])}</b> {words}</a>
            : <span><b>{told(of[kind])}</b> {words}</span>}
        </li>
      ))}
      {unattended > 0 && <li><a href={href(['queues'])}><b>{unattended}</b>{' '}
        {unattended === 1 ? 'queue' : 'queues'}</a></li>}
    </ul>
  );
}

function QueueRow({ queue }: { queue: QueueInfo }) {
  return (
    <li class="attention-item attention-queue">
      <a href={href(['queues', queue.queue])}>
        <Icon name="queues" />
        <span class="attention-what"><b dir="auto">{queue.queue}</b></span>
        <span class="attention-when">for <Elapsed from={queue.oldest_at ?? ''} /></span>
        <span class="attention-why">{queue.visible.toLocaleString()} messages wait, and no worker
          asks for them</span>
      </a>
    </li>
  );
}

function Items({ value, limit, unattended }: {
  value: Answer; limit: number; unattended: QueueInfo[];
}) {
  if (value.items.length === 0 && unattended.length === 0)
    return <Empty title="All is well"
      text="Nothing failed, nothing is overdue, nothing is tried again and again." />;
  const all = KINDS.reduce((n, { kind }) => n + value[kind].count, 0);
  return (
    <>
      <ul class="attention" aria-label="What needs attention">
        {unattended.map((q) => <QueueRow key={`queue ${q.queue}`} queue={q} />)}
        {value.items.map((item) => (
          <Row key={`${item.kind} ${item.instance} ${item.task}`} item={item} />
        ))}
      </ul>
      {all > value.items.length && limit === FEW && (
        <button type="button" class="link-button attention-more"
          onClick={() => setTerms({ attention: 'all' }, true)}>Show more</button>
      )}
    </>
  );
}

function Row({ item }: { item: Item }) {
  const look = KINDS.find(({ kind }) => kind === item.kind);
  return (
    <li class={`attention-item attention-${item.kind}`}>
      <a href={href(['instances', item.instance], { task: item.task })}>
        <Icon name={look?.icon ?? 'warning'} />
        <span class="attention-what">
          <b dir="auto">{item.key ?? item.instance}</b>
          <span class="quiet" dir="auto">
            {item.template}{item.stage ? ` · ${item.stage}` : ''}</span>
        </span>
        <span class="attention-when"><When item={item} /></span>
        <span class="attention-why" dir="auto" title={item.reason}>{item.reason}</span>
      </a>
    </li>
  );
}

function When({ item }: { item: Item }) {
  if (item.kind === 'overdue') return <>due <Moment at={item.due_at} /></>;
  if (item.kind === 'retrying' && item.since) return <>for <Elapsed from={item.since} /></>;
  return <Moment at={item.since} />;
}
