// What there is now: numbers by status, templates, queues, the instances that began last.
import { useData, type Watched } from '../data';
import { isOfInstance } from '../news';
import { href } from '../route';
import type { InstanceStatus, QueueInfo, Summary } from '../api/types';
import { isUnattended } from '../queue';
import { Card } from '../ui/page';
import { Empty, Shown } from '../ui/state';
import { Status } from '../ui/status';
import { Icon } from '../ui/icon';
import { Moment } from '../ui/time';
import { store } from '../store';

const SETTLE_MS = 1500;
const FEW = 8;

export type Stats = {
  instances: Partial<Record<InstanceStatus, number>>;
  templates: { template: string; status: InstanceStatus; count: number }[];
};

const TILES: InstanceStatus[] = ['RUNNING', 'PAUSED', 'FAILED', 'COMPLETED', 'CANCELLED'];

export function Tiles({ stats }: { stats: Stats }) {
  const rare = Object.entries(stats.instances)
    .filter(([s, n]) => !TILES.includes(s as InstanceStatus) && n > 0)
    .map(([s]) => s as InstanceStatus);
  return (
    <ul class="tiles" aria-label="Instances by status">
      {[...TILES, ...rare].map((status) => (
        <li key={status}>
          <a class="tile" href={href(['instances'], { status })}>
            <Status of={status} />
            <b class="tile-number figures">{(stats.instances[status] ?? 0).toLocaleString()}</b>
          </a>
        </li>
      ))}
    </ul>
  );
}

type ByTemplate = { name: string; all: number; of: Partial<Record<InstanceStatus, number>> };

/** A line for each template, those with something running first. */
function byTemplate(stats: Stats): ByTemplate[] {
  const lines = new Map<string, ByTemplate>();
  for (const { template, status, count } of stats.templates) {
    const line = lines.get(template) ?? { name: template, all: 0, of: {} };
    line.of[status] = (line.of[status] ?? 0) + count;
    line.all += count;
    lines.set(template, line);
  }
  return [...lines.values()].sort((a, b) => (b.of.RUNNING ?? 0) - (a.of.RUNNING ?? 0)
    || b.all - a.all || a.name.localeCompare(b.name));
}

function Share({ line }: { line: ByTemplate }) {
  return (
    <span class="share" aria-hidden="true">
      {TILES.map((s) => {
        const width = (100 * (line.of[s] ?? 0)) / line.all;
        return width > 0 && <span key={s} class={`share-${s}`} style={{ flexGrow: width }} />;
      })}
    </span>
  );
}

export function Templates({ stats }: { stats: Stats }) {
  const lines = byTemplate(stats);
  const cell = (line: ByTemplate, status: InstanceStatus) => {
    const n = line.of[status] ?? 0;
    return (
      <td class={`number ${status === 'FAILED' && n > 0 ? 'bad' : ''}`}>
        {n === 0 ? <span class="quiet">0</span>
          : <a href={href(['instances'], { template: line.name, status })}>{n.toLocaleString()}</a>}
      </td>
    );
  };
  return (
    <Card title="Templates" aside={<a href={href(['templates'])}>All</a>} isPlain>
      <table class="table">
        <thead><tr><th>Template</th><th class="number">Running</th><th class="number">Failed</th>
          <th class="number">Completed</th></tr></thead>
        <tbody>
          {lines.slice(0, FEW).map((line) => (
            <tr key={line.name}>
              <td><a dir="auto" href={href(['instances'], { template: line.name })}>{line.name}</a>
                <Share line={line} /></td>
              {cell(line, 'RUNNING')}{cell(line, 'FAILED')}{cell(line, 'COMPLETED')}
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}

export function Queues({ data }: { data: Watched<{ queues: QueueInfo[] }> }) {
  return (
    <Card title="Queues" aside={<a href={href(['queues'])}>All</a>} isPlain>
      <Shown data={data} rows={4}>{({ queues }) => <QueueTable queues={queues} />}</Shown>
    </Card>
  );
}

function QueueTable({ queues }: { queues: QueueInfo[] }) {
  if (queues.length === 0)
    return <Empty title="No queues" text="A queue is there as soon as a template names it." />;
  const busy = [...queues].sort((a, b) => b.visible - a.visible || b.in_flight - a.in_flight
    || a.queue.localeCompare(b.queue));
  return (
    <table class="table">
      <thead><tr><th>Queue</th><th class="number">Waiting</th><th class="number">In flight</th>
        <th class="number">Oldest</th></tr></thead>
      <tbody>
        {busy.slice(0, FEW).map((q) => (
          <tr key={q.queue}>
            <td class="now-queue" dir="auto" title={q.queue}>
              <a href={href(['queues', q.queue])}>{q.queue}</a>
              {isUnattended(q, store.now.value) && (
                <span class="unattended"><Icon name="warning" />nobody takes them</span>)}</td>
            <td class="number">{q.visible.toLocaleString()}</td>
            <td class="number">{q.in_flight.toLocaleString()}</td>
            <td class="number"><Moment at={q.oldest_at} /></td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

const where = (i: Summary): string => i.business_status ?? i.stage ?? '';

export function Latest() {
  const data = useData<{ instances: Summary[] }>(`v1/instances?limit=${FEW}`, isOfInstance,
    SETTLE_MS);
  return (
    <Card title="Started last" aside={<a href={href(['instances'])}>All</a>} isPlain>
      <Shown data={data} rows={4}>{({ instances }) => (
        <ul class="latest">
          {instances.map((i) => (
            <li key={i.instance}>
              <a href={href(['instances', i.instance])}>
                <b dir="auto">{i.key ?? i.instance}</b>
                <Status of={i.status} />
                <span class="quiet" dir="auto">
                  {i.template}{where(i) ? ` · ${where(i)}` : ''}</span>
                <span class="quiet latest-when"><Moment at={i.started_at} /></span>
              </a>
            </li>
          ))}
        </ul>
      )}</Shown>
    </Card>
  );
}
