// The rows of the feed and of the audit, and what stands below them.
import type { EventRecord } from '../api/types';
import { useNarrow } from '../ui/narrow';
import { Empty, Failure, Loading } from '../ui/state';
import { VerdictMark } from '../ui/status';
import { exact, Moment } from '../ui/time';
import { VirtualRows } from '../ui/virtual';
import { sentence, whoOf, whyOf } from '../ui/words';
import { aboutOf, openEvent, placeOf } from './feed-detail';
import { nameOf, type FeedList } from './feed-list';

const ROW_HEIGHT = 44;
const CARD_HEIGHT = 84;

type Props = {
  list: FeedList;
  more: () => void;
  again: () => void;
  halt: () => void;
  label: string;
  nothing: { title: string; text: string };
};

function Head() {
  return (
    <div class="ev ev-head" role="row">
      {[['when', 'When'], ['verdict', 'Verdict'], ['what', 'What'], ['about', 'About'],
        ['who', 'Who'], ['why', 'Why']].map(([name, text]) => (
        <span key={name} role="columnheader" class={`ev-${name}`}>{text}</span>))}
    </div>
  );
}

function Row({ record }: { record: EventRecord }) {
  const place = placeOf(record);
  const about = aboutOf(record);
  const why = whyOf(record) || (record.verdict === 'applied' ? '' : record.reason ?? '');
  return (
    <div class="ev">
      <span role="cell" class="ev-when quiet"><Moment at={record.at} /></span>
      <span role="cell" class="ev-verdict"><VerdictMark of={record.verdict} /></span>
      <span role="cell" class="ev-what"><button type="button" class="link-button" dir="auto"
        title={record.event} onClick={() => openEvent(record)}>{sentence(record)}</button></span>
      <span role="cell" class="ev-about" dir="auto">
        {place && about ? <a href={place}>{about}</a> : about}
        {record.template && record.template !== about
          && <span class="quiet"> {record.template}</span>}
      </span>
      <span role="cell" class="ev-who quiet" dir="auto">{whoOf(record)}</span>
      <span role="cell" class="ev-why" dir="auto" title={why}>{why}</span>
    </div>
  );
}

/** How far back was looked, while what is asked for is rare. */
function Foot({ list, again, halt }: Pick<Props, 'list' | 'again' | 'halt'>) {
  const back = list.searchedTo ? ` back to ${exact(list.searchedTo)}` : '';
  if (list.error)
    return <p class="error list-error" role="alert">{list.error.message}{' '}
      <button type="button" class="link-button" onClick={again}>Try again</button></p>;
  if (list.isLoading)
    return <p class="list-foot quiet" role="status">Looking{back}… {list.searchedTo && (
      <button type="button" class="link-button" onClick={halt}>Stop</button>)}</p>;
  if (list.isHalted)
    return <p class="list-foot quiet" role="status">Looked{back}.{' '}
      <button type="button" class="link-button" onClick={again}>Look further back</button></p>;
  return null;
}

export function FeedRows({ list, more, again, halt, label, nothing }: Props) {
  const isNarrow = useNarrow();
  if (list.rows.length === 0) {
    if (list.error) return <Failure error={list.error} retry={again} />;
    if (list.isLoading && list.searchedTo === null) return <Loading rows={10} />;
    return <><Empty title={nothing.title} text={nothing.text} />
      <Foot list={list} again={again} halt={halt} /></>;
  }
  return (
    <>
      <VirtualRows rows={list.rows} rowHeight={isNarrow ? CARD_HEIGHT : ROW_HEIGHT} keyOf={nameOf}
        onEnd={more} label={label} head={<Head />} draw={(record) => <Row record={record} />} />
      <Foot list={list} again={again} halt={halt} />
    </>
  );
}
