// Where the page begins: the look, the address, the feed, the clock, then the shell.
import { render } from 'preact';
import './style/tokens.css';
import './style/base.css';
import './style/shell.css';
import './style/parts.css';
import './style/feed.css';
import './style/form.css';
import './style/inbox.css';
import './style/queues.css';
import './style/overview.css';
import './style/instances.css';
import { followFeed } from './api/feed';
import { learnMe } from './api/me';
import { followAddress } from './route';
import { Shell } from './shell';
import { followKeys } from './shortcuts';
import { store } from './store';
import { readTheme } from './theme';

readTheme();
followAddress();
followKeys();
learnMe();
followFeed();
setInterval(() => {
  if (!document.hidden) store.now.value = Date.now();
}, 1000);
const place = document.getElementById('page');
if (place !== null) render(<Shell />, place);
