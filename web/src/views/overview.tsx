// What runs now, how it went over the last hour or day, and what somebody should look at.
import { Activity } from './overview-activity';
import { Attention } from './overview-attention';
import { Latest, Queues, Templates, Tiles, type Stats } from './overview-now';
import { useData } from '../data';
import type { QueueInfo } from '../api/types';
import { isOfStats, STATS_MS } from '../news';
import { isUnattended, movesMessages, QUEUES_MS } from '../queue';
import { store } from '../store';
import { Page } from '../ui/page';
import { Shown } from '../ui/state';
import { First } from './overview-first';

export default function View() {
  const stats = useData<Stats>('v1/stats', isOfStats, STATS_MS);
  return (
    <Page title="Overview">
      <Shown data={stats} rows={8}>{(value) => <Whole stats={value} />}</Shown>
    </Page>
  );
}

function Whole({ stats }: { stats: Stats }) {
  const queues = useData<{ queues: QueueInfo[] }>('v1/queues?limit=1000', movesMessages, QUEUES_MS);
  const sum = Object.values(stats.instances).reduce((a, b) => a + b, 0);
  if (sum === 0) return <First />;
  return (
    <div class="overview">
      <Tiles stats={stats} />
      <div class="overview-main">
        <Activity />
        <Attention unattended={(queues.value?.queues ?? [])
          .filter((q) => isUnattended(q, store.now.value))} />
      </div>
      <div class="overview-more">
        <Templates stats={stats} />
        <Queues data={queues} />
        <Latest />
      </div>
    </div>
  );
}
