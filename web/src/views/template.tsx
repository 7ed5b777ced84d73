// One template: its graph, its source, its versions and how many instances each has.
import { useEffect, useRef } from 'preact/hooks';
import { templatePath, versionPath } from '../api/client';
import type { Stats, Template } from '../api/template';
import type { Layout } from '../api/instance';
import type { EventRecord } from '../api/types';
import { useData } from '../data';
import { isApplied, isOfStats, STATS_MS } from '../news';
import { href, setTerms, term } from '../route';
import { may } from '../store';
import type { ViewProps } from '../views';
import { Graph } from '../ui/graph';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { Shown } from '../ui/state';
import { chosenTab, Tabs } from '../ui/tabs';
import { Moment } from '../ui/time';
import { TaskPanel } from './template-task';
import { Versions } from './template-versions';

const isOf =
  (name: string) =>
  (record: EventRecord): boolean =>
    isApplied(record) && (record.template ?? name) === name;

/** The version that the address names, else the newest. */
function useTemplate(name: string) {
  const version = term('version');
  return useData<Template>(
    version === '' ? templatePath(name) : versionPath(name, version),
    isOf(name),
  );
}

function VersionChoice({ template }: { template: Template }) {
  const { versions, version } = template;
  const newest = versions[versions.length - 1]?.version;
  return (
    <span class="version-choice">
      <select
        aria-label="Version"
        value={String(version)}
        onChange={(event) => {
          const chosen = Number(event.currentTarget.value);
          setTerms({ version: chosen === newest ? null : chosen, task: null });
        }}>
        {[...versions].reverse().map((one) => (
          <option key={one.version} value={String(one.version)}>
            v{one.version}
            {one.version === newest ? ', newest' : ''}
          </option>
        ))}
      </select>
    </span>
  );
}

function Facts({ template }: { template: Template }) {
  const { content, note } = template;
  const facts: [string, string][] = [
    ['Key', content.key ?? 'given at start'],
    ['Same key again', content.on_duplicate ?? 'return'],
    ['Timeout', content.timeout ?? 'none'],
    ['Digest', template.digest.slice(0, 12)],
  ];
  return (
    <div class="t-head">
      {template.title !== null && (
        <p dir="auto">
          <b>{template.title}</b>
        </p>
      )}
      {template.description !== null && (
        <p class="t-description" dir="auto">
          {template.description}
        </p>
      )}
      <dl class="facts">
        <div>
          <dt>Applied</dt>
          <dd>
            <Moment at={template.applied_at} />
            <span class="quiet" dir="auto">
              {' '}
              by {template.applied_by ?? '—'}
            </span>
          </dd>
        </div>
        {note !== null && (
          <div>
            <dt>Note</dt>
            <dd dir="auto">{note}</dd>
          </div>
        )}
        {facts.map(([name, text]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <code dir="auto">{text}</code>
            </dd>
          </div>
        ))}
      </dl>
    </div>
  );
}

function GraphTab({ template }: { template: Template }) {
  const graph = useData<Layout>(`${versionPath(template.template, template.version)}/graph.json`);
  const chosen = term('task');
  return (
    <div class="t-graph">
      <section class="card card-plain t-graph-card" aria-label="Graph">
        <h2 class="hidden">Graph</h2>
        <Shown data={graph}>
          {(layout) => (
            <Graph
              layout={layout}
              label={`Graph of ${template.template}`}
              chosen={chosen}
              onChoose={(id) => setTerms({ task: id === chosen ? null : id }, true)}
            />
          )}
        </Shown>
      </section>
      {chosen !== '' && <TaskPanel content={template.content} id={chosen} />}
    </div>
  );
}

function Source({ template }: { template: Template }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    let end = (): void => undefined;
    let isGone = false;
    void import('../editor/editor').then(({ makeEditor }) => {
      if (isGone || box.current === null) return;
      const { source } = template;
      const editor = makeEditor({
        parent: box.current,
        text: source,
        label: 'Source',
        isReadOnly: true,
        schema: () => null,
      });
      end = () => editor.end();
    });
    return () => {
      isGone = true;
      end();
    };
  }, [template.digest, template.version]);
  return <div key={template.version} ref={box} class="card card-plain code-box" />;
}

function Body({ template }: { template: Template }) {
  const tab = chosenTab('tab', 'graph');
  const name = template.template;
  const stats = useData<Stats>(
    `v1/stats?template=${encodeURIComponent(name)}`,
    (record) => tab === 'versions' && isOfStats(record),
    STATS_MS,
  );
  return (
    <>
      <Facts template={template} />
      <Tabs
        name="tab"
        tabs={[
          ['graph', 'Graph'],
          ['source', 'Source'],
          ['versions', `Versions (${template.versions.length})`],
        ]}
      />
      {tab === 'graph' && <GraphTab template={template} />}
      {tab === 'source' && <Source template={template} />}
      {tab === 'versions' && <Versions template={template} stats={stats.value} />}
    </>
  );
}

function Actions({ name, version }: { name: string; version: number | undefined }) {
  return (
    <>
      <a class="button" href={href(['instances'], { template: name })}>
        <Icon name="instances" />
        Instances
      </a>
      {may('author') && (
        <a
          class="button"
          href={href(['templates', name, 'edit'], { version: term('version') && version })}>
          <Icon name="edit" />
          Edit
        </a>
      )}
      {may('operator') && (
        <a class="button primary" href={href(['templates', name, 'start'])}>
          <Icon name="play" />
          Start
        </a>
      )}
    </>
  );
}

export default function View({ params }: ViewProps) {
  const name = params['name'] ?? '';
  const data = useTemplate(name);
  return (
    <Page
      title={name}
      trail={[['Templates', href(['templates'])]]}
      isFull={chosenTab('tab', 'graph') !== 'versions'}
      beside={data.value && <VersionChoice template={data.value} />}
      actions={<Actions name={name} version={data.value?.version} />}>
      <Shown data={data}>{(template) => <Body template={template} />}</Shown>
    </Page>
  );
}
