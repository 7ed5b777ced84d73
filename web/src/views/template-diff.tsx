// Two versions of a template beside one another: as text, as graphs, and as the server tells it.
import { templatePath, versionPath } from '../api/client';
import type { Difference, Template } from '../api/template';
import type { Layout } from '../api/instance';
import { useData } from '../data';
import { href, setTerms, term } from '../route';
import type { ViewProps } from '../views';
import { Graph } from '../ui/graph';
import { Cli, command } from '../ui/cli';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { SideBySide } from '../ui/side-by-side';
import { Shown } from '../ui/state';
import { chosenTab, Tabs } from '../ui/tabs';
import { Changes } from './template-changes';
import { marksOf } from './template-marks';

type Pair = { name: string; from: string; to: string };
type Answer = { changes: Difference[] };

function Choice({
  label,
  chosen,
  count,
  put,
}: {
  label: string;
  chosen: string;
  count: number;
  put: (version: string) => void;
}) {
  return (
    <span class="version-choice">
      <select
        aria-label={label}
        value={chosen}
        onChange={(event) => put(event.currentTarget.value)}>
        {Array.from({ length: count }, (_, k) => String(count - k)).map((version) => (
          <option key={version} value={version}>
            v{version}
          </option>
        ))}
      </select>
    </span>
  );
}

function Versions({ pair, count }: { pair: Pair; count: number }) {
  const { from, to } = pair;
  return (
    <span class="d-versions">
      <Choice
        label="From version"
        chosen={from}
        count={count}
        put={(v) => setTerms({ from: v, to })}
      />
      <button
        type="button"
        class="icon-button"
        aria-label="Swap the versions"
        title="Swap"
        onClick={() => setTerms({ from: to, to: from })}>
        <Icon name="right" />
      </button>
      <Choice
        label="To version"
        chosen={to}
        count={count}
        put={(v) => setTerms({ to: v, from })}
      />
    </span>
  );
}

function Text({ pair }: { pair: Pair }) {
  const left = useData<Template>(versionPath(pair.name, pair.from));
  const right = useData<Template>(versionPath(pair.name, pair.to));
  return (
    <Shown data={left}>
      {(a) => (
        <Shown data={right}>
          {(b) => (
            <section class="card card-plain" aria-label="Texts">
              <SideBySide
                left={a.source}
                right={b.source}
                names={[`v${a.version}`, `v${b.version}`]}
              />
            </section>
          )}
        </Shown>
      )}
    </Shown>
  );
}

const LEGEND = ['added', 'removed', 'changed'] as const;

function OneGraph({
  name,
  version,
  changes,
  hidden,
}: {
  name: string;
  version: string;
  changes: Difference[];
  hidden: Difference['change'];
}) {
  const graph = useData<Layout>(`${versionPath(name, version)}/graph.json`);
  return (
    <section class="card card-plain d-graph" aria-label={`Version ${version}`}>
      <header class="card-head">
        <h2>v{version}</h2>
      </header>
      <Shown data={graph}>
        {(layout) => (
          <Graph
            layout={layout}
            label={`Graph of version ${version}`}
            notes={marksOf(
              layout,
              changes.filter((one) => one.change !== hidden),
            )}
          />
        )}
      </Shown>
    </section>
  );
}

function Graphs({ pair, changes }: { pair: Pair; changes: Difference[] }) {
  return (
    <>
      <p class="d-legend" aria-hidden="true">
        {LEGEND.map((word) => (
          <span key={word} class={`d-sign d-${word}`}>
            {word}
          </span>
        ))}
      </p>
      <div class="d-graphs">
        <OneGraph
          key={`from ${pair.from}`}
          name={pair.name}
          version={pair.from}
          changes={changes}
          hidden="added"
        />
        <OneGraph
          key={`to ${pair.to}`}
          name={pair.name}
          version={pair.to}
          changes={changes}
          hidden="removed"
        />
      </div>
    </>
  );
}

function Body({ pair }: { pair: Pair }) {
  const { name, from, to } = pair;
  const tab = chosenTab('tab', 'text');
  const data = useData<Answer>(
    `${templatePath(name)}/diff?from=${encodeURIComponent(from)}` +
      `&to=${encodeURIComponent(to)}`,
  );
  return (
    <Shown data={data}>
      {({ changes }) => (
        <>
          <Tabs
            name="tab"
            tabs={[
              ['text', 'Text'],
              ['graph', 'Graph'],
              ['changes', `Changes (${changes.length})`],
            ]}
          />
          {tab === 'text' && <Text pair={pair} />}
          {tab === 'graph' && <Graphs pair={pair} changes={changes} />}
          {tab === 'changes' && (
            <>
              <section class="card" aria-label="Changes">
                <Changes of={changes} />
              </section>
              <Cli line={command('template', 'diff', `${name}@${from}`, `${name}@${to}`)} />
            </>
          )}
        </>
      )}
    </Shown>
  );
}

export default function View({ params }: ViewProps) {
  const name = params['name'] ?? '';
  const template = useData<Template>(
    templatePath(name),
    (record) => record.event === 'TemplateApplied',
  );
  const newest = template.value?.versions.length ?? 0;
  const to = term('to') || String(newest);
  const from = term('from') || String(Math.max(1, Number(to) - 1));
  const pair = { name, from, to };
  return (
    <Page
      title="Compare versions"
      isFull={chosenTab('tab', 'text') === 'graph'}
      trail={[
        ['Templates', href(['templates'])],
        [name, href(['templates', name])],
      ]}
      beside={newest > 0 && <Versions pair={pair} count={newest} />}>
      <Shown data={template}>{() => <Body pair={pair} />}</Shown>
    </Page>
  );
}
