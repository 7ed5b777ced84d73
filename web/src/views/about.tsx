// The server: version, mode, store, queues, nodes, what is wrong, limits in force, keys of the
// keyboard, documents for programs.
import type { ComponentChildren } from 'preact';
import type { EventRecord, NodeInfo, ServerStatus } from '../api/types';
import { useData } from '../data';
import { command, Cli } from '../ui/cli';
import { Icon } from '../ui/icon';
import { Card, Page } from '../ui/page';
import { ShortcutList } from '../ui/shortcut-list';
import { Shown } from '../ui/state';
import { Elapsed, exact, length } from '../ui/time';
import { Documents } from './about-documents';
import { Limits } from './about-limits';

const STATUS_MS = 3000;
const LAG_MS = 2000; // less is told by no one as late

const anything = (_: EventRecord): boolean => true;

export default function View() {
  const data = useData<ServerStatus>('v1/status', anything, STATUS_MS);
  const refresh = (
    <button type="button" onClick={data.reload}><Icon name="replay" />Refresh</button>
  );
  return (
    <Page title="About" actions={refresh}
      beside={data.value && <Health status={data.value} />}>
      <Shown data={data}>{(status) => <Whole status={status} />}</Shown>
    </Page>
  );
}

function Health({ status }: { status: ServerStatus }) {
  return status.ready ? <span class="pill s-COMPLETED">takes work</span>
    : <span class="pill s-FAILED">takes no work</span>;
}

/** What is wrong, each in a sentence, the worst first. */
function troubles(s: ServerStatus): [text: string, isBad: boolean][] {
  const silent = s.nodes.filter((n) => !n.alive).map((n) => n.node);
  const all: [string | false | null, boolean][] = [
    [s.problem, true],
    [s.store.error && s.store.error !== s.problem && `Store: ${s.store.error}`, true],
    [s.queue.problem && `Queues: ${s.queue.problem}`, true],
    [s.queue.warning && `Queues: ${s.queue.warning}`, false],
    [s.store.behind_ms > LAG_MS && `Rows are behind by ${length(s.store.behind_ms)}: lists and
      counts show what was so long ago.`, false],
    [s.queue.oldest_unsent_ms > LAG_MS && `The oldest unsent message waits for
      ${length(s.queue.oldest_unsent_ms)}.`, false],
    [silent.length > 0 && `Silent: ${silent.join(', ')}. The others finish their work.`, false],
  ];
  return all.filter((t): t is [string, boolean] => !!t[0]);
}

function Whole({ status }: { status: ServerStatus }) {
  return (
    <>
      {troubles(status).map(([text, isBad]) => (
        <p key={text} class={`callout ${isBad ? 'callout-bad' : ''}`}
          role={isBad ? 'alert' : undefined}>{text}</p>
      ))}
      <Server status={status} />
      {status.nodes.length > 0 && <Nodes nodes={status.nodes} />}
      <div class="about-more">
        <Limits limits={status.limits} />
        <div class="about-beside">
          <Card title="Keyboard"><ShortcutList /></Card>
          <Documents />
        </div>
      </div>
    </>
  );
}

function Fact({ name, children }: { name: string; children: ComponentChildren }) {
  return <div><dt>{name}</dt><dd dir="auto">{children}</dd></div>;
}

function Server({ status: s }: { status: ServerStatus }) {
  return (
    <Card title="This server">
      <dl class="facts about-facts">
        <Fact name="Version">{s.version}</Fact>
        <Fact name="Mode">{s.mode}</Fact>
        <Fact name="Store">{s.store.name}</Fact>
        <Fact name="Queues">{s.queue.name}</Fact>
        <Fact name="Node">{s.node}</Fact>
        <Fact name="Up for"><span title={`since ${exact(s.started_at)}`}>
          <Elapsed from={s.started_at} /></span></Fact>
        <Fact name="Events being decided">{s.events.waiting.toLocaleString()}</Fact>
        <Fact name="Rows to be written">{s.store.rows_behind.toLocaleString()}</Fact>
        <Fact name="Messages unsent">{s.queue.unsent.toLocaleString()}</Fact>
        {s.store.shared && (
          <>
            <Fact name="Conflicts with other nodes">{s.events.conflicts.toLocaleString()}</Fact>
            <Fact name="Taken over from dead ones">{s.events.taken_over.toLocaleString()}</Fact>
          </>)}
      </dl>
      <Cli line={command('status')} />
    </Card>
  );
}

function Nodes({ nodes }: { nodes: NodeInfo[] }) {
  const now = Date.now(); // of this answer: between answers nobody looks
  return (
    <Card title="Nodes" isPlain>
      <table class="table nodes">
        <thead><tr><th>Node</th><th>State</th><th>Last beat</th><th>Address</th>
          <th>Version</th></tr>
        </thead>
        <tbody>
          {nodes.map((n) => (
            <tr key={n.node}>
              <td><b dir="auto">{n.node}</b>{n.self && <span class="pill">answers you</span>}</td>
              <td data-label="state"><span class={`pill ${n.alive ? 's-COMPLETED' : 's-FAILED'}`}>
                {n.alive ? 'alive' : 'silent'}</span></td>
              <td data-label="last beat">{n.seen_at
                ? <span title={exact(n.seen_at)} class="figures">
                  {length(Math.max(0, now - Date.parse(n.seen_at)))} before</span> : '—'}</td>
              <td data-label="address" dir="auto">{n.info.address ?? '—'}</td>
              <td data-label="version" dir="auto">{n.info.version ?? '—'}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Card>
  );
}
