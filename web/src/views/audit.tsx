// What people did, the newest first: who, what, when, why.
import { setTerms } from '../route';
import { store } from '../store';
import { Cli, command } from '../ui/cli';
import { Page } from '../ui/page';
import { FeedBar } from './feed-bar';
import { ACTS, matches, queryOf, readFilter, type Filter } from './feed-filter';
import { useFeed } from './feed-list';
import { FeedRows } from './feed-rows';

const QUICK: [string, string][] = [['ReplayTask', 'Replay'], ['PauseWorkflow', 'Pause'],
  ['ResumeWorkflow', 'Resume'], ['CancelWorkflow', 'Cancel'], ['TaskCompleted',
    'Completed by hand'],
  ['TemplateApplied', 'Templates'], ['KeyCreated', 'Keys']];

const cliOf = (f: Filter): string => command('audit',
  f.actor && '--actor', f.actor, f.event && '--event', f.event, f.template && '--template',
  f.template, f.key && '--key', f.key, f.since && '--since', f.since);

export default function View() {
  const filter = readFilter(store.route.value.query);
  const feed = useFeed(JSON.stringify(filter), {
    path: 'v1/audit', query: queryOf(filter), isLive: true,
    isWanted: (record) => record.act === true && matches(filter, record),
  });
  return (
    <Page title="Audit" isFull actions={store.name.value !== '' && (
      <button type="button" onClick={() => setTerms(
        { actor: store.name.value })}>What I did</button>
    )}>
      <FeedBar filter={filter} kinds={ACTS}
        quick={{ name: 'event', label: 'What', words: QUICK }} />
      <div class="card card-plain instances">
        <FeedRows {...feed} label="What people did" nothing={{ title: 'Nobody did such a thing',
          text: 'Replays, pauses, cancellations, answers by hand, applied templates and '
            + 'access keys '
            + 'are listed here, with who, when and why.' }} />
      </div>
      <Cli line={cliOf(filter)} />
    </Page>
  );
}
