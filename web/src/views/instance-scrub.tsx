// The scrub bar: every record of the instance, and the one as of which all of the view is drawn.
import { useEffect, useRef } from 'preact/hooks';
import { useSignal } from '@preact/signals';
import type { EventBrief } from '../api/instance';
import { setTerms } from '../route';
import { Icon } from '../ui/icon';
import { VerdictMark } from '../ui/status';
import { exact } from '../ui/time';
import type { EventPages, Model } from './instance-model';

const PLAY_MS = 450;
const MARKS_MAX = 300; // ticks on the bar

export const goTo = (seq: number | null, replace = true): void =>
  setTerms({ at: seq }, replace);

function Mark({ mark, revision }: { mark: EventBrief; revision: number }) {
  const place = revision > 1 ? ((mark.seq - 1) / (revision - 1)) * 100 : 0;
  return <i class={`scrub-mark v-${mark.verdict}`} style={{ left: `${place}%` }} />;
}

function Caption({ event, seq }: { event: EventBrief | undefined; seq: number }) {
  if (event === undefined) return <span class="quiet">Event {seq}</span>;
  return (
    <>
      <b>{event.event}</b>
      {event.task && <span class="scrub-task" dir="auto">{event.task}</span>}
      <VerdictMark of={event.verdict} />
      <time class="quiet" dateTime={event.at}>{exact(event.at)}</time>
    </>
  );
}

export function Scrub({ model, pages, marks }: {
  model: Model; pages: EventPages; marks: EventBrief[];
}) {
  const { at, revision } = model;
  const seq = at || revision;
  const isPlaying = useSignal(false);
  const timer = useRef(0);
  useEffect(() => pages.want(seq, seq), [seq]);
  useEffect(() => {
    if (!isPlaying.value) return undefined;
    timer.current = window.setTimeout(() => {
      if (seq >= revision) isPlaying.value = false;
      goTo(seq + 1 >= revision ? null : seq + 1);
    }, PLAY_MS);
    return () => clearTimeout(timer.current);
  }, [isPlaying.value, seq, revision]);
  const step = (to: number): void => {
    isPlaying.value = false;
    goTo(to >= revision ? null : Math.max(1, to));
  };
  const play = (): void => {
    if (!isPlaying.value && seq >= revision) goTo(1);
    isPlaying.value = !isPlaying.value;
  };
  const event = pages.find(seq);
  const dropped = Math.max(0, marks.length - MARKS_MAX);
  return (
    <section class={`card scrub ${at ? 'is-past' : ''}`} aria-label="Moments of this instance">
      <div class="scrub-buttons">
        <button type="button" class="icon-button" aria-label="The event before"
          title="The event before" disabled={seq <= 1} onClick={() => step(seq - 1)}>
          <Icon name="left" /></button>
        <button type="button" class="icon-button" onClick={play}
          title={isPlaying.value ? 'Stop' : 'Play from here'}
          aria-label={isPlaying.value ? 'Stop' : 'Play from here'}>
          <Icon name={isPlaying.value ? 'pause' : 'play'} /></button>
        <button type="button" class="icon-button" aria-label="The event after"
          title="The event after" disabled={at === 0} onClick={() => step(seq + 1)}>
          <Icon name="right" /></button>
      </div>
      <div class="scrub-bar">
        <div class="scrub-marks" aria-hidden="true">
          {marks.slice(dropped).map((m) => <Mark key={m.seq} mark={m} revision={revision} />)}
        </div>
        <input type="range" min={1} max={Math.max(1, revision)} value={seq} step={1}
          aria-label="Show everything as of event"
          aria-valuetext={`event ${seq} of ${revision}${event ? `, ${event.event}` : ''}`}
          onInput={(e) => step(Number((e.target as HTMLInputElement).value))} />
      </div>
      <p class="scrub-words" aria-live="polite">
        <span class="figures scrub-count">{seq} <span class="quiet">of {revision}</span></span>
        <Caption event={event} seq={seq} />
      </p>
      {at > 0 ? (
        <button type="button" class="primary scrub-now" onClick={() => goTo(null, false)}>
          Back to now</button>
      ) : <span class="scrub-now quiet">Now</span>}
    </section>
  );
}
