// Everything that arrives, with what became of it: live, or standing still to be read.
import { useRef } from 'preact/hooks';
import { setTerms, term } from '../route';
import { store } from '../store';
import { Icon } from '../ui/icon';
import { Page } from '../ui/page';
import { FeedBar } from './feed-bar';
import { KINDS, matches, queryOf, readFilter } from './feed-filter';
import { useFeed } from './feed-list';
import { FeedRows } from './feed-rows';

const QUICK: [string, string][] = [['applied', 'Applied'], ['refused', 'Refused'], ['stale',
  'Stale'],
  ['duplicate', 'Duplicate'], ['unknown', 'Unknown'], ['invalid', 'Invalid']];

export default function View() {
  const filter = readFilter(store.route.value.query);
  const isLive = term('paused') === '';
  const box = useRef<HTMLDivElement>(null);
  const feed = useFeed(JSON.stringify(filter), {
    path: 'v1/events', query: { ...queryOf(filter), newest_first: true }, isLive,
    isWanted: (record) => matches(filter, record),
  });
  const { fresh } = feed.list;
  const top = () => {
    feed.show();
    box.current?.querySelector('.virtual')?.scrollTo(0, 0);
  };
  return (
    <Page title="Events" isFull
      actions={<button type="button" aria-pressed={!isLive} class={isLive ? '' : 'primary'}
        onClick={() => setTerms({ paused: isLive ? '1' : null }, true)}>
        <Icon name={isLive ? 'pause' : 'play'} />{isLive ? 'Pause' : 'Go on'}</button>}>
      <FeedBar filter={filter} kinds={KINDS}
        quick={{ name: 'verdict', label: 'Verdict', words: QUICK }} />
      <div class="card card-plain instances" ref={box}>
        {fresh.length > 0 && (
          <button type="button" class="primary fresh" onClick={top}><Icon name="down" />
            {fresh.length.toLocaleString()} new</button>
        )}
        <FeedRows {...feed} label="Events" nothing={{ title: 'No such events',
          text: 'What arrives is shown here, with what became of it.' }} />
      </div>
    </Page>
  );
}
