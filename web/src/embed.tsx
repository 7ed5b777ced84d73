// The live graph of one instance in a frame of another page, by a share link: `/embed#TOKEN`.
import { render } from 'preact';
import { useEffect } from 'preact/hooks';
import './style/tokens.css';
import './style/base.css';
import './style/parts.css';
import './style/graph.css';
import { followFeed } from './api/feed';
import { shared } from './api/share';
import { Graph } from './ui/graph';
import { Empty, Failure, Loading } from './ui/state';
import { Status } from './ui/status';
import { useInstance } from './views/instance-model';

function Embedded({ id }: { id: string }) {
  const { shown, error, layout, looks } = useInstance(id, 0);
  const title = shown?.key ?? shown?.instance ?? id;
  useEffect(() => { document.title = title; }, [title]);
  if (shown === undefined || layout === undefined)
    return error ? <Failure error={error} /> : <Loading />;
  return (
    <main class="embed">
      <h1 dir="auto">{title} <Status of={shown.status} /></h1>
      <Graph layout={layout} looks={looks} label={`Graph of ${title}`} />
    </main>
  );
}

const place = document.getElementById('page');
window.addEventListener('hashchange', () => location.reload());
if (shared !== null) followFeed();
if (place !== null)
  render(shared === null ? <Empty title="This link opens nothing" />
    : <Embedded id={shared.instance} />, place);
