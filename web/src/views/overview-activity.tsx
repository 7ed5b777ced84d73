// What began and ended over the last hour or day, as a picture.
import { useData, useMinutely } from '../data';
import { changesStatus } from '../news';
import { term } from '../route';
import { Card } from '../ui/page';
import { Chart, Legend, type Series } from '../ui/chart';
import { Shown } from '../ui/state';
import { Tabs } from '../ui/tabs';
import { exact } from '../ui/time';

const SETTLE_MS = { '1h': 3000, '1d': 15000 };

type Bucket = { at: string; started: number; completed: number; failed: number; cancelled: number };
type Answer = { from: string; now: string; bucket_seconds: number; whole_from: string | null;
  buckets: Bucket[] };

const KINDS = ['started', 'completed', 'failed', 'cancelled'] as const;
const BARS: Series[] = [{ name: 'completed', look: 'green' }, { name: 'failed', look: 'red' },
  { name: 'cancelled', look: 'violet' }];
const LINE: Series = { name: 'started', look: 'blue' };

const total = (buckets: Bucket[], name: keyof Omit<Bucket, 'at'>): number =>
  buckets.reduce((n, b) => n + b[name], 0);

function inWords(buckets: Bucket[], words: string): string {
  const [started, completed, failed, cancelled] = KINDS.map((n) => total(buckets, n));
  return `The last ${words}: ${started} started, ${completed} completed, ${failed} failed, `
    + `${cancelled} cancelled. Arrow keys tell the parts.`;
}

export function Activity() {
  const window = term('window') === '1d' ? '1d' : '1h';
  const data = useData<Answer>(`v1/activity?window=${window}`, changesStatus,
    SETTLE_MS[window]);
  useMinutely(data.reload); // time itself moves the picture, once a minute
  return (
    <Card title="Activity" aside={<Tabs name="window" tabs={[['1h', 'Hour'], ['1d', 'Day']]} />}>
      <Shown data={data} rows={6}>
        {(value) => <Drawn value={value} words={window === '1d' ? 'day' : 'hour'} />}
      </Shown>
    </Card>
  );
}

function Drawn({ value, words }: { value: Answer; words: string }) {
  const { buckets } = value;
  const columns = buckets.map((b) => ({ at: Date.parse(b.at), line: b.started,
    bars: [b.completed, b.failed, b.cancelled] }));
  const ended = total(buckets, 'completed') + total(buckets, 'failed');
  const failed = total(buckets, 'failed');
  const share = ended > 0 ? (100 * failed) / ended : 0;
  return (
    <>
      <div class="activity-words">
        <Legend series={[LINE, ...BARS]} numbers={KINDS.map((n) => total(buckets, n))} />
        {ended > 0 && <span class="quiet">{share.toFixed(share < 10 ? 1 : 0)} % failed</span>}
      </div>
      <Chart label={inWords(buckets, words)} columns={columns} bars={BARS} line={LINE}
        width_ms={value.bucket_seconds * 1000}
        wholeFrom={value.whole_from ? Date.parse(value.whole_from) : null} />
      {value.whole_from && <p class="quiet">Complete from {exact(value.whole_from)} on; there was
        more than is counted before.</p>}
    </>
  );
}
