// Where the page begins: the look, the address, the feed, the clock, then the shell.
import { render } from 'preact';
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/parts.css';
import './style/feed.css';
import './style/form.css';
import './style/inbox.css';
import './style/overview.css';
import './style/instances.css';
import './style/template.css';
import './style/graph.css';
import './style/instance.css';
import './style/server.css';
import { followFeed } from './api/feed';
import { learnMe } from './api/me';
import { isByLink, shared } from './api/share';
import { followAddress } from './route';
import { Shell } from './shell';
import { store } from './store';
import { readTheme } from './theme';

/** Whoever had a link and goes elsewhere begins anew, as whoever he is without it. */
function leaveLink(event: HashChangeEvent): void {
  const link = (url: string): string => new URL(url).hash.split('?')[0] ?? '';
  if (link(event.oldURL) !== link(event.newURL)) location.reload();
}

readTheme();
followAddress();
if (isByLink) {
  window.addEventListener('hashchange', leaveLink);
} else {
  learnMe();
}
if (shared !== null || !isByLink) followFeed();
setInterval(() => {
  if (!document.hidden) store.now.value = Date.now();
}, 1000);
const place = document.getElementById('page');
if (place !== null) render(<Shell />, place);
